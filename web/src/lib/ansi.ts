/** A piece of text in one look. Colours are numbers of the palette, or CSS colours of their own. */
export interface AnsiPiece {
  text: string;
  look: AnsiLook;
}

export interface AnsiLook {
  colour?: number | string;
  background?: number | string;
  bold?: true;
  faint?: true;
  italic?: true;
  underline?: true;
  inverse?: true;
  strike?: true;
}

// Control sequences, operating system commands (titles, links), and the other two-character escapes.
const ESCAPES =
  /\x1b\[([\x30-\x3f]*)[\x20-\x2f]*([\x40-\x7e])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[\x20-\x2f]*[\x30-\x7e]|\x1b/g;
// What a terminal would not show. Tab and line feed are the two that stay.
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f]/g;

const MAX_PIECES = 20_000;

/** Splits what a program printed by its colours. Nothing of it is ever taken for markup. */
export function parseAnsi(text: string): AnsiPiece[] {
  const pieces: AnsiPiece[] = [];
  let look: AnsiLook = {};
  let at = 0;
  const add = (raw: string) => {
    const shown = raw.replace(CONTROLS, '');
    if (shown !== '') pieces.push({ text: shown, look });
  };
  const source = overwritten(text);
  for (const match of source.matchAll(ESCAPES)) {
    if (pieces.length >= MAX_PIECES) break;
    add(source.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === 'm') look = changed(look, match[1] ?? '');
  }
  add(source.slice(at).replace(ESCAPES, ''));
  return pieces;
}

/** The text without its escapes, as it is copied and compared. */
export function stripAnsi(text: string): string {
  return text.includes('\x1b') ? text.replace(ESCAPES, '') : text;
}

/** A carriage return starts the line again: of a progress bar the last state is left. */
function overwritten(text: string): string {
  if (!text.includes('\r')) return text;
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => {
      const end = line.replace(/\r+$/, '');
      return end.slice(end.lastIndexOf('\r') + 1);
    })
    .join('\n');
}

function changed(before: AnsiLook, parameters: string): AnsiLook {
  let look: AnsiLook = { ...before };
  const codes = parameters.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)));
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 0) look = {};
    else if (code === 1) look.bold = true;
    else if (code === 2) look.faint = true;
    else if (code === 3) look.italic = true;
    else if (code === 4) look.underline = true;
    else if (code === 7) look.inverse = true;
    else if (code === 9) look.strike = true;
    else if (code === 22) {
      delete look.bold;
      delete look.faint;
    } else if (code === 23) delete look.italic;
    else if (code === 24) delete look.underline;
    else if (code === 27) delete look.inverse;
    else if (code === 29) delete look.strike;
    else if (code >= 30 && code <= 37) look.colour = code - 30;
    else if (code >= 90 && code <= 97) look.colour = code - 82;
    else if (code >= 40 && code <= 47) look.background = code - 40;
    else if (code >= 100 && code <= 107) look.background = code - 92;
    else if (code === 39) delete look.colour;
    else if (code === 49) delete look.background;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(i + 1));
      i += used;
      if (colour !== null) look[code === 38 ? 'colour' : 'background'] = colour;
    }
  }
  return look;
}

/** 5;n of 256 colours or 2;r;g;b, and how many numbers that took. */
function extended(codes: number[]): [number | string | null, number] {
  const [kind, a = 0, b = 0, c = 0] = codes;
  if (kind === 2) return [`rgb(${byte(a)} ${byte(b)} ${byte(c)})`, 4];
  if (kind !== 5) return [null, 0];
  if (!(a <= 255)) return [null, 2]; // nor is what is no number a colour
  if (a < 16) return [byte(a), 2];
  if (a >= 232) {
    const grey = byte(8 + (a - 232) * 10);
    return [`rgb(${grey} ${grey} ${grey})`, 2];
  }
  const level = (n: number) => (n === 0 ? 0 : 55 + 40 * n);
  const n = a - 16;
  return [`rgb(${level(Math.floor(n / 36))} ${level(Math.floor(n / 6) % 6)} ${level(n % 6)})`, 2];
}

function byte(n: number): number {
  return Math.min(255, Math.max(0, Math.trunc(n) || 0));
}
