import java.util.*;

public class Main {
  public static void main(String[] args) {
    int x = "text"; // HERE
    List<String> l = new ArrayList<>();
	l.add(missing); // HERE
    l.frobnicate(1); // HERE
  }
}
