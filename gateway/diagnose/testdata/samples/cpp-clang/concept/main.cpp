// options: -std=c++20
#include <vector>
#include <map>
#include <string>

struct Key { int x; };

int main() {
  std::map<Key, int> m;
  m[Key{1}] = 2; // HERE
}
