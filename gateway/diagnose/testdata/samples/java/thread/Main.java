public class Main {
  static void deep(int n) {
    deep(n + 1); // HERE
  }

  public static void main(String[] args) throws Exception {
    Runnable r = () -> {
      int[] a = new int[2];
      a[2] = 1; // HERE
    };
    Thread t = new Thread(r, "worker 1");
    t.start();
    t.join();
    deep(0);
  }
}
