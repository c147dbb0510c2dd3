// options: -Xlint
import java.util.*;

public class Main {
  public static void main(String[] args) {
    List raw = new ArrayList(); // HERE
    raw.add("x"); // HERE
    System.out.println(raw);
  }
}
