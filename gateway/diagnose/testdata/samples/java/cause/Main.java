public class Main {
  static int divide(int a, int b) {
    return a / b; // HERE
  }

  public static void main(String[] args) {
    try {
      divide(1, 0);
    } catch (ArithmeticException e) {
      throw new IllegalStateException("can't divide", e); // HERE
    }
  }
}
