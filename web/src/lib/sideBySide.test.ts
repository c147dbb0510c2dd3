import { expect, it } from 'vitest';
import { foldEqual, sideBySide, type Row } from './sideBySide';

const shape = (rows: Row[] | null) =>
  rows?.map(({ same, left, right }) => [same ? '=' : '!', left?.text ?? null, right?.text ?? null]);

it('faces what was taken out with what was put in', () => {
  expect(shape(sideBySide('a\nb\nc\n', 'a\nx\ny\nc'))).toEqual([
    ['=', 'a', 'a'],
    ['!', 'b', 'x'],
    ['!', null, 'y'],
    ['=', 'c', 'c'],
  ]);
});

it('numbers the lines of each side', () => {
  const rows = sideBySide('a\nb', 'b');
  expect(rows?.map(({ left, right }) => [left?.number, right?.number])).toEqual([
    [1, undefined],
    [2, 1],
  ]);
});

it('knows empty texts and equal ones', () => {
  expect(sideBySide('', '')).toEqual([]);
  expect(shape(sideBySide('', 'a'))).toEqual([['!', null, 'a']]);
  expect(sideBySide('a\nb', 'a\nb')?.every(({ same }) => same)).toBe(true);
});

it('gives up on texts that have nothing in common', () => {
  const many = (word: string) => Array.from({ length: 3000 }, (_, n) => `${word} ${n}`).join('\n');
  expect(sideBySide(many('a'), many('b'))).toBeNull();
});

it('folds what is equal and far from a difference, and loses no row', () => {
  const lines = Array.from({ length: 20 }, (_, n) => String(n));
  const rows = sideBySide(lines.join('\n'), lines.with(10, 'x').join('\n')) ?? [];
  const pieces = foldEqual(rows);
  expect(pieces.map((piece) => ('folded' in piece ? piece.folded.length : 1))).toEqual([
    7, 1, 1, 1, 1, 1, 1, 1, 6,
  ]);
});
