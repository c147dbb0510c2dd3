import { randomBytes, randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readCookie } from './cookies';
import { guestCookie, guestOf, newGuest } from './guest';

const ROUNDS = 500;

/** Text of characters that a header may hold, with many of those that mean something in a cookie. */
function headerText(): string {
  const special = '=;,. "-_%sandgate-guest';
  return Array.from(randomBytes(randomInt(120)), (byte) =>
    byte % 3 === 0 ? (special[byte % special.length] ?? '') : String.fromCharCode(byte || 1),
  )
    .join('')
    .replaceAll(/[\0\r\n]/g, '');
}

/** The text with one thing changed somewhere. */
function changed(text: string): string {
  const at = randomInt(text.length);
  const other = String.fromCharCode(33 + randomInt(93));
  const [before, after] = [text.slice(0, at), text.slice(at + 1)];
  return (
    [before + other + after, before + after, before + other + text.slice(at)][randomInt(3)] ?? text
  );
}

describe('cookies that anybody may have made up', () => {
  it('name nobody, and break nothing', () => {
    for (let i = 0; i < ROUNDS; i++) {
      const cookie = headerText();
      expect(guestOf(new Headers({ cookie })), cookie).toBeNull();
      expect(guestOf(new Headers({ cookie: `sandgate-guest=${cookie}` })), cookie).toBeNull();
    }
  });

  it('are read back among any others, unless one of the same name comes first', () => {
    for (let i = 0; i < ROUNDS; i++) {
      const [name, value] = [`n${String(i)}`, randomBytes(16).toString('base64url')];
      const before = headerText();
      const cookie = `${before};${name}=${value};${headerText()}`;
      expect(readCookie(new Headers({ cookie }), name), cookie).toBe(value);
    }
  });

  it('name a guest only as they were signed', () => {
    for (let i = 0; i < ROUNDS; i++) {
      const id = newGuest();
      const [pair = ''] = guestCookie(id, new Headers()).split(';');
      expect(guestOf(new Headers({ cookie: pair }))).toBe(id);
      const value = pair.slice(pair.indexOf('=') + 1);
      const forged = changed(value);
      const found = guestOf(new Headers({ cookie: `sandgate-guest=${forged}` }));
      // Base64 has several spellings of one signature; the guest must be the one that was signed.
      expect(found === null || found === id, `${value} → ${forged}`).toBe(true);
    }
  });
});
