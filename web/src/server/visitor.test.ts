import { encode } from 'next-auth/jwt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guestCookie } from './guest';
import { forVisitor, userOf, visitorOf } from './visitor';

const secret = 's'.repeat(32);

beforeEach(() => {
  vi.stubEnv('SANDGATE_WEB_SECRET', secret);
  vi.stubEnv('SANDGATE_OIDC_ISSUER', 'https://issuer.example');
  vi.stubEnv('SANDGATE_OIDC_CLIENT_ID', 'web');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const session = async (by = secret) => {
  const name = 'authjs.session-token';
  return `${name}=${await encode({ token: { user: 'user:ada', name: 'Ada' }, secret: by, salt: name })}`;
};

describe('visitorOf', () => {
  it('makes a guest of whoever is new, once', async () => {
    const first = await visitorOf(new Headers());
    expect(first.user).toMatch(/^guest:[\w-]{22}$/);
    const again = await visitorOf(new Headers({ cookie: first.cookie?.split(';')[0] ?? '' }));
    expect(again).toEqual({ user: first.user, person: null, cookie: null });
  });

  it('takes who signed in for themselves, guest or not', async () => {
    const guest = guestCookie('A'.repeat(22), new Headers()).split(';')[0] ?? '';
    const visitor = await visitorOf(new Headers({ cookie: `${guest}; ${await session()}` }));
    expect(visitor.user).toBe('user:ada');
    expect(visitor.person?.name).toBe('Ada');
  });

  it('does not believe a session that another secret sealed, or a bearer token', async () => {
    const forged = await session('t'.repeat(32));
    expect((await visitorOf(new Headers({ cookie: forged }))).person).toBeNull();
    const bearer = `Bearer ${(await session()).split('=')[1] ?? ''}`;
    expect((await visitorOf(new Headers({ authorization: bearer }))).person).toBeNull();
  });

  it('knows nobody where signing in is not set up any more', async () => {
    const cookie = await session();
    vi.stubEnv('SANDGATE_OIDC_ISSUER', '');
    expect((await visitorOf(new Headers({ cookie }))).person).toBeNull();
  });
});

it('keeps the subjects of issuers apart, in names that a header can hold', () => {
  const names = [
    userOf('https://a', 'b'),
    userOf('https://a', 'ü'.repeat(500)),
    userOf('https://b', 'b'),
  ];
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toMatch(/^user:[\w-]{43}$/);
});

it('hands a new guest their cookie with the answer', async () => {
  const answer = await forVisitor(new Request('http://here/'), ({ user }) => new Response(user));
  expect(answer.headers.get('set-cookie')).toContain((await answer.text()).slice('guest:'.length));
});
