#include <iostream>

int main() {
  std::cout << totl << std::endl; // HERE
}
