import { describe, expect } from 'vitest';
import { fuzz } from '@/testing/draw';
import { parseAnsi, stripAnsi } from './ansi';

const PIECES = [
  '\x1b',
  '\x1b[',
  '\x1b]',
  '\x1bP',
  '\x07',
  '\x1b\\',
  'm',
  ';',
  ':',
  '?',
  '<',
  '38',
  '48',
  '5',
  '2',
  '255',
  '999999999999',
  '-1',
  '1',
  '0',
  '\r',
  '\n',
  '\t',
  '\x00',
  'text',
  '<b>',
  '\x1b[0m',
  '\x1b[38;5;',
  '\x1b[48;2;',
];
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f]/g;

function isColour(colour: number | string | undefined): boolean {
  if (colour === undefined) return true;
  if (typeof colour === 'number') return Number.isInteger(colour) && colour >= 0 && colour <= 15;
  const parts = /^rgb\((\d+) (\d+) (\d+)\)$/.exec(colour)?.slice(1) ?? [];
  return parts.length === 3 && parts.every((part) => Number(part) <= 255);
}

describe('what a program printed', () => {
  fuzz('is shown whole, in looks that there are', 2000, (draw) => {
    const text = draw.text(PIECES, 40);
    const pieces = parseAnsi(text);
    const shown = pieces.map((piece) => piece.text).join('');
    expect(shown, JSON.stringify(text)).not.toMatch(CONTROLS);
    for (const { text: part, look } of pieces) {
      expect(part).not.toBe('');
      expect(isColour(look.colour), JSON.stringify({ text, look })).toBe(true);
      expect(isColour(look.background), JSON.stringify({ text, look })).toBe(true);
    }
    // It is what is copied, less what no terminal shows.
    if (!text.includes('\r'))
      expect(shown, JSON.stringify(text)).toBe(stripAnsi(text).replaceAll(CONTROLS, ''));
  });

  fuzz('is copied without escapes, and the same again', 2000, (draw) => {
    const text = draw.text(PIECES, 40);
    const stripped = stripAnsi(text);
    expect(stripped, JSON.stringify(text)).not.toContain('\x1b');
    expect(stripAnsi(stripped)).toBe(stripped);
    const plain = text.replaceAll('\x1b', '');
    expect(stripAnsi(plain)).toBe(plain);
  });
});
