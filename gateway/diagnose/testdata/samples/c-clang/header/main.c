#include <stdio.h>
#include "nothing.h" // HERE

int main(void) { puts("x"); }
