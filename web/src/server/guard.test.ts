import { describe, expect, it } from 'vitest';
import { refuseForeignPost } from './guard';

const json = { 'content-type': 'application/json', host: 'sandgate.example:3000' };
const refusal = (headers: Record<string, string>) => refuseForeignPost(new Headers(headers));

describe('refuseForeignPost', () => {
  it.each([
    {},
    { 'sec-fetch-site': 'same-origin', origin: 'https://sandgate.example:3000' },
    { 'sec-fetch-site': 'none' },
    { origin: 'http://sandgate.example:3000' },
    { origin: 'http://SANDGATE.example:3000', host: 'Sandgate.Example:3000' },
    { 'content-type': 'Application/JSON; charset=utf-8' },
  ])('lets %j pass', (headers) => {
    expect(refusal({ ...json, ...headers })).toBeNull();
  });

  it.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': '' },
    { origin: 'https://evil.example' },
    { origin: 'http://sandgate.example:3001' },
    { origin: 'http://sandgate.example:3000.evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
  ])('refuses %j', async (headers) => {
    const response = refusal({ ...json, ...headers });
    expect(response?.status).toBe(403);
    expect(response?.headers.get('content-type')).toBe('application/problem+json');
    expect(await response?.json()).toMatchObject({ status: 403, title: 'Forbidden' });
  });

  it.each(['', 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])(
    'wants JSON, not %j',
    (type) => {
      expect(refusal({ ...json, 'content-type': type })?.status).toBe(415);
    },
  );
});
