// options: -Wall -Wextra
#include <stdio.h>

int main(int argc, char **argv) {
  int unused = 1; // HERE
  printf("%d\n", "text"); // HERE
}
