int add(int a, int b) {
  return a + b // HERE
}

int main(void) { return add(1, 2); }
