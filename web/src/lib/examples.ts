/**
 * The program each language starts with. They need no input, use it where there
 * is some, and stay with what older compilers accept: no edition, no libraries.
 */
const examples: Record<string, string> = {
  python: `import sys

ROWS = 16


def triangle(rows):
    """Pascal's triangle, odd numbers only: it turns out to be Sierpinski's."""
    row = [1]
    for n in range(rows):
        marks = " ".join("▲" if value % 2 else " " for value in row)
        yield " " * (rows - n - 1) + marks
        row = [a + b for a, b in zip([0] + row, row + [0])]


for line in triangle(ROWS):
    print(line)

name = "" if sys.stdin.isatty() else sys.stdin.readline().strip()
print(f"\\nHello, {name or 'sandbox'}!")
`,

  c: `#include <stdio.h>

/* The Mandelbrot set, drawn with characters. */
int main(void) {
    const char shades[] = " .:-=+*#%@";

    for (double y = -1.2; y <= 1.2; y += 0.1) {
        for (double x = -2.2; x <= 0.8; x += 0.045) {
            double re = 0, im = 0;
            int steps = 0;
            while (re * re + im * im < 4 && steps < 90) {
                double next = re * re - im * im + x;
                im = 2 * re * im + y;
                re = next;
                steps++;
            }
            putchar(shades[steps / 10 > 9 ? 9 : steps / 10]);
        }
        putchar('\\n');
    }
    return 0;
}
`,

  cpp: `#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

// Counts the letters of its input, or of a sentence of its own.
int main() {
    std::stringstream input;
    if (!(input << std::cin.rdbuf())) {
        input.clear();
        input.str("the quick brown fox jumps over the lazy dog and naps in the sand");
    }

    std::map<char, int> count;
    int most = 0;
    for (char c; input >> c;) {
        most = std::max(most, ++count[c]);
    }

    for (const auto& entry : count) {
        std::cout << entry.first << ' ' << std::string(entry.second * 30 / most, '#') << ' '
                  << entry.second << '\\n';
    }
}
`,

  java: `import java.util.ArrayList;
import java.util.List;

public class Main {
    /** The sieve of Eratosthenes. */
    static List<Integer> primesBelow(int limit) {
        boolean[] composite = new boolean[limit];
        List<Integer> primes = new ArrayList<>();
        for (int n = 2; n < limit; n++) {
            if (composite[n]) continue;
            primes.add(n);
            for (long multiple = (long) n * n; multiple < limit; multiple += n) {
                composite[(int) multiple] = true;
            }
        }
        return primes;
    }

    public static void main(String[] args) {
        List<Integer> primes = primesBelow(500);
        for (int i = 0; i < primes.size(); i++) {
            System.out.printf("%5d%s", primes.get(i), i % 12 == 11 ? "\\n" : "");
        }
        System.out.printf("%n%n%d primes below 500%n", primes.size());
    }
}
`,

  go: `package main

import (
	"fmt"
	"strings"
)

// Each filter is a goroutine that lets through what its prime does not divide.
func filter(in <-chan int, prime int) <-chan int {
	out := make(chan int)
	go func() {
		for n := range in {
			if n%prime != 0 {
				out <- n
			}
		}
	}()
	return out
}

func main() {
	numbers := make(chan int)
	go func() {
		for n := 2; ; n++ {
			numbers <- n
		}
	}()

	var in <-chan int = numbers
	for i := 0; i < 15; i++ {
		prime := <-in
		fmt.Printf("%3d %s\\n", prime, strings.Repeat("▪", prime))
		in = filter(in, prime)
	}
}
`,

  rust: `/// How many steps a number takes to reach 1: halve it, or triple it and add one.
fn collatz(start: u64) -> u32 {
    let mut n = start;
    let mut steps = 0;
    while n != 1 {
        n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

fn main() {
    let mut record = 0;
    println!("{:>7}  {:>5}", "number", "steps");
    for n in 1..100_000 {
        let steps = collatz(n);
        if steps > record {
            record = steps;
            println!("{:>7}  {:>5}  {}", n, steps, "=".repeat(steps as usize / 8));
        }
    }
}
`,

  javascript: `// Conway's Game of Life: a glider crosses a small world.
const SIZE = 12;
let alive = new Set(['1,0', '2,1', '0,2', '1,2', '2,2']);

const wrap = (n) => (n + SIZE) % SIZE;

function neighbours(x, y) {
  let count = 0;
  for (let dx = -1; dx <= 1; dx++) {
    for (let dy = -1; dy <= 1; dy++) {
      if ((dx || dy) && alive.has(\`\${wrap(x + dx)},\${wrap(y + dy)}\`)) count++;
    }
  }
  return count;
}

function each(visit) {
  for (let y = 0; y < SIZE; y++) for (let x = 0; x < SIZE; x++) visit(x, y);
}

for (let generation = 0; generation <= 20; generation += 1) {
  if (generation % 10 === 0) {
    let picture = '';
    each((x, y) => (picture += (alive.has(\`\${x},\${y}\`) ? '██' : '· ') + (x === SIZE - 1 ? '\\n' : '')));
    console.log(\`Generation \${generation}\\n\${picture}\`);
  }
  const next = new Set();
  each((x, y) => {
    const count = neighbours(x, y);
    if (count === 3 || (count === 2 && alive.has(\`\${x},\${y}\`))) next.add(\`\${x},\${y}\`);
  });
  alive = next;
}
`,

  typescript: `type Shape =
  | { kind: "circle"; radius: number }
  | { kind: "rectangle"; width: number; height: number }
  | { kind: "triangle"; base: number; height: number };

function area(shape: Shape): number {
  switch (shape.kind) {
    case "circle":
      return Math.PI * shape.radius * shape.radius;
    case "rectangle":
      return shape.width * shape.height;
    case "triangle":
      return (shape.base * shape.height) / 2;
  }
}

const shapes: Shape[] = [
  { kind: "circle", radius: 1.5 },
  { kind: "rectangle", width: 4, height: 2.5 },
  { kind: "triangle", base: 6, height: 3 },
];

let total = 0;
for (const shape of shapes) {
  total += area(shape);
  console.log(shape.kind + ": " + area(shape).toFixed(2));
}
console.log("together: " + total.toFixed(2));
`,

  bash: `#!/usr/bin/env bash
# Binary clock face: the numbers up to fifteen, bit by bit.

for n in {0..15}; do
  bits=""
  for ((bit = 3; bit >= 0; bit--)); do
    if ((n >> bit & 1)); then bits+="● "; else bits+="○ "; fi
  done
  printf '%2d  %s\\n' "$n" "$bits"
done

if read -r -t 1 line; then
  echo "You said: $line"
fi
`,

  text: `Plain text is not run: it comes back as it is.
`,
};

export function exampleFor(language: string): string {
  return examples[language] ?? '';
}
