import java.util.*;

public class Main {
  static int parse(String s) {
    return Integer.parseInt(s); // HERE
  }

  public static void main(String[] args) {
    System.out.println("begin");
    parse("no number");
  }
}
