#include <assert.h>

int main(void) {
  int n = 1;
  assert(n == 2); // HERE
}
