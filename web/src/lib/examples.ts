import { firstExample } from './firstExample';

/**
 * The program each language starts with. They need no input, use it where there
 * is some, and stay with what older compilers accept: no edition, no libraries.
 */
const examples: Record<string, string> = {
  python: firstExample,

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

  assembly: `section .data
greeting: db "Hello from x86-64!", 10
length: equ $ - greeting

section .text
global _start
_start:
    mov rax, 1              ; write
    mov rdi, 1              ; to stdout
    mov rsi, greeting
    mov rdx, length
    syscall

    mov rax, 60             ; exit
    xor rdi, rdi            ; with 0
    syscall
`,

  basic: `Dim who As String
Line Input who
If who = "" Then who = "sandbox"
Print "Hello, " & who & "!"
`,

  clojure: `(require '[clojure.string :as str])

(let [line (or (read-line) "")
      who (if (str/blank? line) "sandbox" (str/trim line))]
  (println (str "Hello, " who "!")))

(println (take 15 (map first (iterate (fn [[a b]] [b (+ a b)]) [0 1]))))
`,

  cobol: `IDENTIFICATION DIVISION.
PROGRAM-ID. MAIN.
DATA DIVISION.
WORKING-STORAGE SECTION.
01 WHO PIC X(40).
PROCEDURE DIVISION.
  ACCEPT WHO.
  IF WHO = SPACES
    MOVE "sandbox" TO WHO
  END-IF.
  DISPLAY "Hello, " FUNCTION TRIM(WHO) "!".
  STOP RUN.
`,

  'common-lisp': `(defun greet (who)
  (format t "Hello, ~a!~%" (if (string= who "") "sandbox" who)))

(greet (or (read-line *standard-input* nil) ""))

(loop for n from 1 to 10
      do (format t "~2d ~3d~%" n (* n n)))
`,

  csharp: `using System;
using System.Linq;

class Program {
    static void Main() {
        var who = Console.ReadLine();
        Console.WriteLine("Hello, " + (string.IsNullOrWhiteSpace(who) ? "sandbox" : who.Trim()) + "!");

        var squares = Enumerable.Range(1, 10).Select(n => n * n);
        Console.WriteLine(string.Join(" ", squares));
    }
}
`,

  d: `import std.algorithm, std.range, std.stdio, std.string;

void main() {
    auto who = readln().strip;
    writeln("Hello, ", who.empty ? "sandbox" : who, "!");

    iota(1, 11).map!(n => n * n).writeln;
}
`,

  elixir: `who =
  case IO.gets("") do
    line when is_binary(line) -> String.trim(line)
    _ -> ""
  end

IO.puts("Hello, #{if who == "", do: "sandbox", else: who}!")

1..10
|> Enum.map(&(&1 * &1))
|> Enum.join(" ")
|> IO.puts()
`,

  erlang: `main(_) ->
    Who = case io:get_line("") of
        eof -> "sandbox";
        Line -> case string:trim(Line) of "" -> "sandbox"; Name -> Name end
    end,
    io:format("Hello, ~ts!~n", [Who]),
    io:format("~w~n", [[N * N || N <- lists:seq(1, 10)]]).
`,

  fortran: `program main
  implicit none
  character(100) :: who
  integer :: status, n

  read (*, "(a)", iostat=status) who
  if (status /= 0 .or. who == "") who = "sandbox"
  print "(3a)", "Hello, ", trim(who), "!"
  print "(10i4)", (n * n, n = 1, 10)
end program
`,

  fsharp: `let line = System.Console.ReadLine()
let who = if System.String.IsNullOrWhiteSpace line then "sandbox" else line.Trim()
printfn "Hello, %s!" who

[ 1..10 ] |> List.map (fun n -> n * n) |> printfn "%A"
`,

  groovy: `def who = System.in.newReader().readLine()?.trim() ?: "sandbox"
println "Hello, $who!"

println((1..10).collect { it * it }.join(" "))
`,

  haskell: `import Data.Char (isSpace)

greeting :: String -> String
greeting input = "Hello, " ++ (if null who then "sandbox" else who) ++ "!"
  where
    who = takeWhile (/= '\\n') (dropWhile isSpace input)

primes :: [Int]
primes = sieve [2 ..]
  where
    sieve [] = []
    sieve (p : rest) = p : sieve [n | n <- rest, n \`mod\` p /= 0]

main :: IO ()
main = do
  input <- getContents
  putStrLn (greeting input)
  print (take 20 primes)
`,

  kotlin: `fun main() {
    val who = readLine()?.trim().orEmpty().ifEmpty { "sandbox" }
    println("Hello, $who!")

    println((1..10).map { it * it }.joinToString(" "))
}
`,

  lua: `local who = io.read("l")
if not who or who == "" then who = "sandbox" end
print("Hello, " .. who .. "!")

local squares = {}
for n = 1, 10 do
  squares[n] = n * n
end
print(table.concat(squares, " "))
`,

  'objective-c': `#import <Foundation/Foundation.h>

int main(void) {
    @autoreleasepool {
        char line[100] = "";
        NSString *who = @"sandbox";
        if (fgets(line, sizeof line, stdin)) {
            NSCharacterSet *blanks = [NSCharacterSet whitespaceAndNewlineCharacterSet];
            NSString *text = [[NSString stringWithUTF8String:line] stringByTrimmingCharactersInSet:blanks];
            if ([text length] > 0) who = text;
        }
        printf("Hello, %s!\\n", [who UTF8String]);
    }
}
`,

  ocaml: `let who =
  match String.trim (read_line ()) with
  | "" -> "sandbox"
  | line -> line
  | exception End_of_file -> "sandbox"

let () =
  Printf.printf "Hello, %s!\\n" who;
  List.init 10 (fun n -> string_of_int ((n + 1) * (n + 1)))
  |> String.concat " "
  |> print_endline
`,

  octave: `who = fgetl(stdin);
if !ischar(who) || isempty(who)
  who = "sandbox";
end
printf("Hello, %s!\\n", who);

m = magic(4)
printf("Every row adds up to %d.\\n", sum(m(1, :)));
`,

  pascal: `program Hello;

var
  who: string;
  n: integer;

begin
  readln(who);
  if who = '' then
    who := 'sandbox';
  writeln('Hello, ', who, '!');
  for n := 1 to 10 do
    write(n * n, ' ');
  writeln;
end.
`,

  perl: `use strict;
use warnings;

my $who = <STDIN> // '';
chomp $who;
print "Hello, ", ($who || 'sandbox'), "!\\n";

print join(' ', map { $_ * $_ } 1 .. 10), "\\n";
`,

  php: `<?php
$who = trim((string) fgets(STDIN));
echo "Hello, ", $who === "" ? "sandbox" : $who, "!\\n";

echo implode(" ", array_map(fn($n) => $n * $n, range(1, 10))), "\\n";
`,

  prolog: `:- initialization(main).

main :-
    forall(path(X, Y), (write(X), write(' leads to '), write(Y), nl)),
    halt.

road(gate, yard).
road(yard, tower).
road(tower, sea).

path(X, Y) :- road(X, Y).
path(X, Y) :- road(X, Z), path(Z, Y).
`,

  'python-for-ml': `import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

rng = np.random.default_rng(7)
hours = rng.uniform(0, 10, 50)
points = 12 + 8 * hours + rng.normal(0, 4, 50)

table = pd.DataFrame({"hours": hours, "points": points})
print(table.describe().round(1))

model = LinearRegression().fit(table[["hours"]], table["points"])
print(f"\\npoints = {model.intercept_:.1f} + {model.coef_[0]:.1f} * hours")
`,

  r: `who <- readLines(file("stdin"), n = 1)
if (length(who) == 0 || who == "") who <- "sandbox"
cat("Hello, ", who, "!\\n", sep = "")

x <- c(2, 4, 4, 4, 5, 5, 7, 9)
print(summary(x))
`,

  ruby: `who = gets.to_s.strip
puts "Hello, #{who.empty? ? 'sandbox' : who}!"

puts (1..10).map { |n| n * n }.join(' ')
`,

  scala: `object Main {
  def main(args: Array[String]): Unit = {
    val who = Option(scala.io.StdIn.readLine()).map(_.trim).filter(_.nonEmpty).getOrElse("sandbox")
    println(s"Hello, $who!")

    println((1 to 10).map(n => n * n).mkString(" "))
  }
}
`,

  sql: `CREATE TABLE river (name TEXT, km INTEGER);
INSERT INTO river VALUES
  ('Nile', 6650), ('Amazon', 6400), ('Yangtze', 6300), ('Danube', 2850), ('Rhine', 1233);

SELECT name, km, round(100.0 * km / sum(km) OVER (), 1) AS percent
FROM river
ORDER BY km DESC;
`,

  swift: `let line = readLine() ?? ""
print("Hello, \\(line.isEmpty ? "sandbox" : line)!")

print((1...10).map { $0 * $0 })
`,

  vbnet: `Imports System

Module Program
    Sub Main()
        Dim who As String = Console.ReadLine()
        If String.IsNullOrWhiteSpace(who) Then who = "sandbox"
        Console.WriteLine("Hello, " & who & "!")
    End Sub
End Module
`,

  'multi-file': `./main
=== compile
gcc main.c greet.c -o main
=== main.c
#include "greet.h"

int main(void) {
    greet("sandbox");
}
=== greet.c
#include <stdio.h>
#include "greet.h"

void greet(const char *name) {
    printf("Hello, %s!\\n", name);
}
=== greet.h
void greet(const char *name);
`,
};

export function exampleFor(language: string): string {
  return examples[language] ?? '';
}
