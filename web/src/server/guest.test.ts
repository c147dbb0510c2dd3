import { afterEach, describe, expect, it, vi } from 'vitest';
import { guestCookie, guestOf, newGuest } from './guest';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What a browser sends back of a Set-Cookie. */
const returned = (cookie: string, headers: Record<string, string> = {}) =>
  new Headers({ ...headers, cookie: `other=1; ${cookie.split(';')[0] ?? ''}` });

describe('a guest', () => {
  it('comes back as the same', () => {
    const id = newGuest();
    expect(guestOf(returned(guestCookie(id, new Headers())))).toBe(id);
    expect(newGuest()).not.toBe(id);
  });

  it('is nobody once the cookie was changed or signed by another server', () => {
    vi.stubEnv('SANDGATE_WEB_SECRET', 'a'.repeat(32));
    const [id, other] = [newGuest(), newGuest()];
    const cookie = guestCookie(id, new Headers());
    for (const forged of [
      cookie.replace(id, other),
      cookie.replace(/\.[^;]+/, ''),
      cookie.replace(/\.[^;]+/, '.'),
      cookie.replace(/;/, '.x;'),
      'sandgate-guest=',
    ])
      expect(guestOf(returned(forged)), forged).toBeNull();
    vi.stubEnv('SANDGATE_WEB_SECRET', 'b'.repeat(32));
    expect(guestOf(returned(cookie))).toBeNull();
  });

  it('has a cookie that scripts and other sites can’t use', () => {
    expect(guestCookie('x', new Headers())).toMatch(/; HttpOnly; SameSite=Lax$/);
  });

  it('has a cookie for this host alone under TLS, and no other counts there', () => {
    const tls = { 'x-forwarded-proto': 'https' };
    const id = newGuest();
    const cookie = guestCookie(id, new Headers(tls));
    expect(cookie).toMatch(/^__Host-sandgate-guest=.*; Path=\/;.*; Secure$/);
    expect(guestOf(returned(cookie, tls))).toBe(id);
    expect(guestOf(returned(guestCookie(id, new Headers()), tls))).toBeNull();
  });
});
