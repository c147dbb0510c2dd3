import { isIP, isIPv4 } from 'node:net';
import { afterEach, beforeAll, describe, expect, vi } from 'vitest';
import { fuzz, type Draw } from '@/testing/draw';
import { clientAddress, networkOf, notePeers, parseNetworks } from './clientAddress';

beforeAll(notePeers);
afterEach(() => {
  vi.unstubAllEnvs();
});

const PIECES = [
  '1',
  '10',
  '255',
  '256',
  '.',
  ':',
  '::',
  'ffff',
  '[',
  ']',
  '%',
  'eth0',
  '/',
  ',',
  ' ',
  'unknown',
  ':80',
  '::ffff:',
];

function address4(draw: Draw): string {
  return [draw.one([10, 127, 192, 203]), draw.below(256), draw.below(256), draw.below(256)].join(
    '.',
  );
}

function address6(draw: Draw): string {
  const groups = Array.from({ length: 8 }, () =>
    draw.chance(3) ? '0' : draw.below(0x10000).toString(16),
  );
  if (!draw.chance(2)) return groups.join(':');
  const at = draw.below(7);
  return `${groups.slice(0, at).join(':')}::${groups.slice(at + 1 + draw.below(7 - at)).join(':')}`;
}

const address = (draw: Draw) => (draw.chance(2) ? address4(draw) : address6(draw));

/** An address as proxies write it, or something else. */
function hop(draw: Draw): string {
  const plain = address(draw);
  if (draw.chance(5)) return draw.text(PIECES, 5).replaceAll(/[^\x20-\x7e]|,/g, '');
  if (isIPv4(plain)) return draw.one([plain, `${plain}:80`, `::ffff:${plain}`]);
  return draw.one([plain, `[${plain}]`, `[${plain}]:443`, `${plain}%eth0`]);
}

/** What the server noted of who is connected, with what the browser or a proxy says. */
function headersOf(peer: string, forwarded: string): Headers {
  const { sandgatePeerHeader = '' } = globalThis as { sandgatePeerHeader?: string };
  return new Headers({ [sandgatePeerHeader]: peer, 'x-forwarded-for': forwarded });
}

const value = (text: string) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

describe('the address of the browser', () => {
  fuzz('is one, and found from the right behind trusted proxies alone', 1000, (draw) => {
    const trusted = draw.one(['', '10.0.0.0/8 127.0.0.0/8', '0.0.0.0/0 ::/0']);
    vi.stubEnv('SANDGATE_TRUSTED_PROXIES', trusted);
    const peer = address(draw);
    const hops = draw.many(4, () => hop(draw));
    const found = clientAddress(headersOf(peer, hops.join(', ')));
    const text = JSON.stringify({ peer, hops, trusted, found });
    if (found === null) throw new Error(`nobody is connected: ${text}`);
    expect(isIP(found), text).not.toBe(0);
    expect(found, text).not.toContain('%');
    const isTrusted = (at: string) =>
      trusted.startsWith('0') || (trusted !== '' && isIPv4(at) && /^(10|127)\./.test(at));
    if (!isTrusted(peer)) expect(found, text).toBe(peer);
    else if (found !== peer)
      expect(
        hops.some((given) => given.includes(found)),
        text,
      ).toBe(true);
    // A browser that says more in front changes nothing, if what is said behind is whole and not trusted.
    if (!isTrusted(found))
      expect(clientAddress(headersOf(peer, [hop(draw), ...hops].join(', '))), text).toBe(found);
    expect(networkOf(found), text).toMatch(isIPv4(found) ? /^[\d.]+$/ : /^([\da-f]+:){4}:\/64$/);
  });

  fuzz('is counted with its /64, however it is written', 1000, (draw) => {
    const groups = Array.from({ length: 8 }, () => (draw.chance(2) ? 0 : draw.below(0x10000)));
    const full = groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
    const short = new URL(`http://[${full}]`).hostname.slice(1, -1);
    const network = `${groups
      .slice(0, 4)
      .map((group) => group.toString(16))
      .join(':')}::/64`;
    expect([networkOf(full), networkOf(short), networkOf(full.toUpperCase())]).toEqual([
      network,
      network,
      network,
    ]);
  });
});

describe('trusted networks', () => {
  fuzz('hold the addresses that their bits say', 1000, (draw) => {
    const [network, other, bits] = [address4(draw), address4(draw), draw.below(33)];
    const size = 2 ** (32 - bits);
    const inside = Math.floor(value(network) / size) === Math.floor(value(other) / size);
    for (const text of [`${network}/${String(bits)}`, `::ffff:${network}/${String(96 + bits)}`])
      expect(parseNetworks(text).check(other), `${text}: ${other}`).toBe(inside);
  });

  fuzz('are read, or refused in words', 1000, (draw) => {
    const text = draw.text([...PIECES, '10.0.0.0/8', '::1/128', '\n'], 6);
    try {
      parseNetworks(text);
    } catch (fault) {
      expect(String(fault), JSON.stringify(text)).toContain('is neither an address nor a network');
    }
  });
});
