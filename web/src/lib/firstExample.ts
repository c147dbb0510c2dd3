/** What a newcomer finds; apart from the other examples, which are loaded when they are needed. */
export const firstExample = `import sys

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
`;
