import { describe, expect, it } from 'vitest';
import { parseAnsi, stripAnsi } from './ansi';

describe('parseAnsi', () => {
  it('leaves plain text alone', () => {
    expect(parseAnsi('a <b>\n\tc')).toEqual([{ text: 'a <b>\n\tc', look: {} }]);
    expect(parseAnsi('')).toEqual([]);
  });

  it('reads colours and styles, and their ends', () => {
    expect(parseAnsi('\x1b[1;31merror:\x1b[0m no \x1b[4mway\x1b[24m!')).toEqual([
      { text: 'error:', look: { bold: true, colour: 1 } },
      { text: ' no ', look: {} },
      { text: 'way', look: { underline: true } },
      { text: '!', look: {} },
    ]);
  });

  it('reads bright, 256 and 24-bit colours', () => {
    const looks = parseAnsi('\x1b[92ma\x1b[38;5;9mb\x1b[38;5;196mc\x1b[48;2;1;2;300md').map(
      ({ look }) => look,
    );
    expect(looks).toEqual([
      { colour: 10 },
      { colour: 9 },
      { colour: 'rgb(255 0 0)' },
      { colour: 'rgb(255 0 0)', background: 'rgb(1 2 255)' },
    ]);
  });

  it.each([
    ['cursor moves', 'a\x1b[2J\x1b[1;1Hb'],
    ['titles and links', 'a\x1b]8;;https://example.org\x07b\x1b]0;title\x1b\\'],
    ['bells and backspaces', 'a\x07\x08b'],
    ['an escape that is cut off', 'ab\x1b['],
    ['private sequences', 'a\x1b[?25lb'],
  ])('drops %s', (_what, text) => {
    expect(
      parseAnsi(text)
        .map((piece) => piece.text)
        .join(''),
    ).toBe('ab');
  });

  it('shows the last state of a line that was written over', () => {
    expect(parseAnsi('10%\r50%\r100%\r\nnext')).toEqual([{ text: '100%\nnext', look: {} }]);
  });

  it('survives numbers that mean nothing', () => {
    expect(parseAnsi('\x1b[38;5mx\x1b[999;;-1my')).toHaveLength(2);
    expect(parseAnsi('\x1b[38;5;?mx\x1b[48;5;256;1my')).toEqual([
      { text: 'x', look: {} },
      { text: 'y', look: { bold: true } },
    ]);
  });
});

it('strips escapes from what is copied', () => {
  expect(stripAnsi('\x1b[31mred\x1b[m')).toBe('red');
});
