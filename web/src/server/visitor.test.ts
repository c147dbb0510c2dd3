import { encode } from 'next-auth/jwt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guestCookie } from './guest';
import { newGuests } from './newGuests';
import { forVisitor, userOf, visitorOf, welcome } from './visitor';

const secret = 's'.repeat(32);

beforeEach(() => {
  vi.stubEnv('SANDGATE_WEB_SECRET', secret);
  vi.stubEnv('SANDGATE_OIDC_ISSUER', 'https://issuer.example');
  vi.stubEnv('SANDGATE_OIDC_CLIENT_ID', 'web');
  newGuests().clear();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const session = async (by = secret) => {
  const name = 'authjs.session-token';
  return `${name}=${await encode({ token: { user: 'user:ada', name: 'Ada' }, secret: by, salt: name })}`;
};

/** What a browser sends once it has a cookie. */
const returned = (cookie: string | null) => new Headers({ cookie: cookie?.split(';')[0] ?? '' });

describe('visitorOf', () => {
  it('knows a guest again, and nobody without a cookie', async () => {
    const { cookie } = await welcome('GET', new Headers());
    const visitor = await visitorOf(returned(cookie));
    expect(visitor).toMatchObject({ person: null });
    expect(visitor?.user).toMatch(/^guest:[\w-]{22}$/);
    expect(await visitorOf(new Headers())).toBeNull();
  });

  it('takes who signed in for themselves, guest or not', async () => {
    const guest = guestCookie('A'.repeat(22), new Headers()).split(';')[0] ?? '';
    const visitor = await visitorOf(new Headers({ cookie: `${guest}; ${await session()}` }));
    expect(visitor?.user).toBe('user:ada');
    expect(visitor?.person?.name).toBe('Ada');
  });

  it('does not believe a session that another secret sealed, or a bearer token', async () => {
    const forged = await session('t'.repeat(32));
    expect(await visitorOf(new Headers({ cookie: forged }))).toBeNull();
    const bearer = `Bearer ${(await session()).split('=')[1] ?? ''}`;
    expect(await visitorOf(new Headers({ authorization: bearer }))).toBeNull();
  });

  it('knows nobody where signing in is not set up any more', async () => {
    const cookie = await session();
    vi.stubEnv('SANDGATE_OIDC_ISSUER', '');
    expect(await visitorOf(new Headers({ cookie }))).toBeNull();
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

describe('a page', () => {
  it('makes a guest of nobody, and of nobody else', async () => {
    const { cookie, wait } = await welcome('GET', new Headers());
    expect([cookie !== null, wait]).toEqual([true, 0]);
    expect(await welcome('GET', returned(cookie))).toEqual({ cookie: null, wait: 0 });
    const signedIn = new Headers({ cookie: await session() });
    expect(await welcome('GET', signedIn)).toEqual({ cookie: null, wait: 0 });
    expect([...newGuests().keys()]).toHaveLength(1);
  });

  it.each([
    ['GET', {}, true],
    ['GET', { 'sec-fetch-site': 'none', 'sec-fetch-dest': 'document' }, true],
    ['GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }, true],
    ['GET', { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'empty' }, true],
    ['GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'image' }, false],
    ['GET', { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'iframe' }, false],
    ['POST', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }, false],
    ['POST', {}, false],
  ])('that is asked for by %s with %j makes a guest: %s', async (method, headers, made) => {
    expect((await welcome(method, new Headers(headers))).cookie !== null).toBe(made);
    expect(newGuests().size).toBe(made ? 1 : 0);
  });
});

describe('a call', () => {
  const call = (headers: Headers) =>
    forVisitor(new Request('http://here/', { headers }), ({ user }) => new Response(user));

  it('is made by a guest or whoever signed in', async () => {
    const { cookie } = await welcome('GET', new Headers());
    expect(await (await call(returned(cookie))).text()).toMatch(/^guest:/);
    expect(await (await call(new Headers({ cookie: await session() }))).text()).toBe('user:ada');
  });

  it('of nobody is refused, and makes no guest', async () => {
    const refusal = await call(new Headers());
    expect([refusal.status, refusal.headers.get('content-type')]).toEqual([
      401,
      'application/problem+json',
    ]);
    expect(refusal.headers.has('set-cookie')).toBe(false);
    expect(refusal.headers.has('retry-after')).toBe(false);
    expect(newGuests().size).toBe(0);
  });

  it('of nobody is told how long to wait where no page would make a guest', async () => {
    let wait = 0;
    while (wait === 0) ({ wait } = await welcome('GET', new Headers()));
    const refusal = await call(new Headers());
    expect(refusal.status).toBe(401);
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refusal.text()).toContain('Sign in, or wait.');
    vi.stubEnv('SANDGATE_OIDC_ISSUER', '');
    expect(await (await call(new Headers())).text()).not.toContain('Sign in');
  });
});
