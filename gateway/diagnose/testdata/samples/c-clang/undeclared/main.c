#include <stdio.h>

int main(void) {
  int total = 1;
  printf("%d\n", totl); // HERE
  return 0;
}
