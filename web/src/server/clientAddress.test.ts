import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { clientAddress, networkOf, notePeers, parseNetworks } from './clientAddress';

beforeAll(notePeers);
afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the address is of a request that 127.0.0.1 makes. */
async function asked(headers: Record<string, string>): Promise<string | null> {
  let seen: string | null = null;
  const server = createServer((request, response) => {
    seen = clientAddress(new Headers(request.headers as Record<string, string>));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers });
  server.close();
  return seen;
}

describe('the address of the browser', () => {
  it.each([
    ['is who is connected', '', undefined, '127.0.0.1'],
    ['is not what the browser claims', '', '203.0.113.9', '127.0.0.1'],
    ['is not what it claims where others are trusted', '10.0.0.0/8', '203.0.113.9', '127.0.0.1'],
    ['is what a trusted proxy says', '127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['is not the claim before a proxy', '127.0.0.1', '1.2.3.4, 203.0.113.9', '203.0.113.9'],
    [
      'is found behind two proxies',
      '127.0.0.0/8 10.0.0.0/8',
      '203.0.113.9, 10.1.2.3',
      '203.0.113.9',
    ],
    ['is the proxy’s where it says nothing', '127.0.0.1', undefined, '127.0.0.1'],
    ['ends at what can’t be read', '127.0.0.1', '203.0.113.9, unknown', '127.0.0.1'],
    ['may be IPv6 with a port', '::ffff:127.0.0.0/104', '[2001:db8::1]:5555', '2001:db8::1'],
    ['may come with a port', '127.0.0.1', '203.0.113.9:5555', '203.0.113.9'],
  ])('%s', async (_name, trusted, forwarded, wanted) => {
    vi.stubEnv('SANDGATE_TRUSTED_PROXIES', trusted);
    expect(await asked(forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded })).toBe(
      wanted,
    );
  });

  it('is unknown where no server noted it', () => {
    expect(clientAddress(new Headers({ 'X-Forwarded-For': '203.0.113.9' }))).toBeNull();
  });

  it.each(['10.0.0', '10.0.0.0/33', '10.0.0.0/', 'proxy', '::1/129', '1.2.3.4/8/8', '::/x'])(
    'is not looked for with a setting such as %s',
    (list) => {
      expect(() => parseNetworks(list)).toThrow(list);
    },
  );
});

it.each([
  ['203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3::4', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  ['2001:0db8::1', '2001:db8:0:0::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
])('counts %s as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
