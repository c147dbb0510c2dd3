typedef struct { int x; } point;

point p = { .y = 1 }; // HERE

int f(int a, char *b);

int main(void) {
  f("x"); // HERE
  int a = "text" * 2; // HERE
  return undefined(); // HERE
}
