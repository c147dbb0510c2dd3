import { describe, expect, it } from 'vitest';
import { diffLines } from './diff';

const marks = { same: ' ', missing: '-', extra: '+' };
const shown = (expected: string, actual: string) =>
  diffLines(expected, actual).map(({ kind, text }) => marks[kind] + text);

describe('diffLines', () => {
  it('shows the lines that differ between those that do not', () => {
    expect(shown('a\nb\nc\nd', 'a\nx\nc\nd')).toEqual([' a', '-b', '+x', ' c', ' d']);
    expect(shown('a\nb\nc', 'b\nc\nd')).toEqual(['-a', ' b', ' c', '+d']);
    expect(shown('', 'a')).toEqual(['+a']);
    expect(shown('a', '')).toEqual(['-a']);
  });

  it('numbers the lines of both', () => {
    expect(diffLines('a\nb', 'b')).toEqual([
      { kind: 'missing', text: 'a', expected: 1, actual: null },
      { kind: 'same', text: 'b', expected: 2, actual: 1 },
    ]);
  });

  it('leads from one text to the other, whatever they are', () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
    for (let round = 0; round < 300; round++) {
      const lines = () => Array.from({ length: random(12) }, () => 'abc'[random(3)] ?? 'a');
      const [a, b] = [lines(), lines()];
      const diff = diffLines(a.join('\n'), b.join('\n'));
      const of = (...kinds: string[]) =>
        diff.filter(({ kind }) => kinds.includes(kind)).map(({ text }) => text);
      expect(of('same', 'missing')).toEqual(a);
      expect(of('same', 'extra')).toEqual(b);
    }
  });

  it('gives up on texts that have nothing in common', () => {
    const lines = (word: string) =>
      Array.from({ length: 3000 }, (_, n) => `${word}${n}`).join('\n');
    expect(diffLines(lines('a'), lines('b'))).toHaveLength(6000);
  });
});

it('compares as the judge does', () => {
  expect(shown('a  \nb\n\n', 'a\nb')).toEqual([' a', ' b']);
  expect(shown(' a', 'a')).toEqual(['- a', '+a']);
});
