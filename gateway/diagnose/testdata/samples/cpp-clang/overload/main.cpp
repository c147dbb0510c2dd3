#include <string>

void take(int a, int b);
void take(std::string s);

int main() {
  take(1.0, 2, 3); // HERE
  std::string s = 5; // HERE
}
