import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';

/** Pages and routes are bundled apart from what starts the server; this lives beside them all. */
const shared = globalThis as typeof globalThis & { sandgatePeerHeader?: string };

/**
 * Notes on each request who is connected, before anything else sees it: routes get headers alone,
 * and those are what the browser likes to say. Nobody outside can guess the name of this one.
 */
export function notePeers(): void {
  const header = (shared.sandgatePeerHeader ??= `x-peer-${randomBytes(16).toString('hex')}`);
  subscribe('http.server.request.start', (message) => {
    const { request, socket } = message as { request: IncomingMessage; socket: Socket };
    if (socket.remoteAddress !== undefined) request.headers[header] = socket.remoteAddress;
  });
}

/**
 * The address of the browser, or null if nobody noted it. Behind proxies it is what the first of
 * them from the right that we don't trust was to the next; the rest is the browser's own claim.
 */
export function clientAddress(headers: Headers): string | null {
  const header = shared.sandgatePeerHeader;
  let client = plain(header === undefined ? '' : (headers.get(header) ?? ''));
  if (client === null) return null;
  const trusted = parseNetworks(process.env.SANDGATE_TRUSTED_PROXIES ?? '');
  const hops = (headers.get('x-forwarded-for') ?? '').split(',');
  for (const hop of hops.reverse()) {
    if (!trusted.check(client, family(client))) return client;
    const before = plain(hop.trim());
    if (before === null) return client;
    client = before;
  }
  return client;
}

/**
 * What stands for one client where addresses are counted: the address itself, and of IPv6 the /64,
 * all of whose addresses are one subscriber's.
 */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  // An URL has one way to write an address: without dots or zeros in front.
  const [head = [], tail] = new URL(`http://[${address}]`).hostname
    .slice(1, -1)
    .split('::')
    .map((part) => part.split(':').filter(Boolean));
  const zeros = tail ? Array<string>(8 - head.length - tail.length).fill('0') : [];
  return `${[...head, ...zeros, ...(tail ?? [])].slice(0, 4).join(':')}::/64`;
}

/** Reads networks and addresses with commas or blanks between; throws on what is neither. */
export function parseNetworks(list: string): BlockList {
  const networks = new BlockList();
  for (const entry of list.split(/[\s,]+/).filter(Boolean)) {
    const [text = '', bits, ...rest] = entry.split('/');
    const address = plain(text);
    if (address === null || rest.length > 0)
      throw new Error(`${entry} is neither an address nor a network such as 10.0.0.0/8`);
    const whole = family(address) === 'ipv4' ? 32 : 128;
    // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
    const mapped = text.includes(':') && whole === 32 ? 96 : 0;
    const prefix = bits === undefined ? whole : Number(bits) - mapped;
    if (bits?.match(/^\d{1,3}$/) === null || prefix < 0 || prefix > whole)
      throw new Error(`${entry} is neither an address nor a network such as 10.0.0.0/8`);
    networks.addSubnet(address, prefix, family(address));
  }
  return networks;
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** An address without port, brackets, zone and the prefix that IPv6 sockets give IPv4 peers. */
function plain(text: string): string | null {
  const inner = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const address = inner.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(address) === 0 ? null : address;
}
