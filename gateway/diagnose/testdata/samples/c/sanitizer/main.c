// options: -fsanitize=undefined
#include <limits.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  int n = INT_MAX;
  n += argc; // HERE
  return 3;
}
