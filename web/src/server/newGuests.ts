import { clientAddress, networkOf } from './clientAddress';

/**
 * The gateway keeps an account for each guest, with a day's quota of its own: whoever could be a new
 * guest with each request would have no bound at all. A class behind one address comes all at once.
 */
const AN_HOUR = 200;
const AT_ONCE = 100;

const EACH_MS = 3_600_000 / AN_HOUR;

/** Beyond so many, the network is forgotten that had no new guest for the longest. */
const MAX_NETWORKS = 10_000;

/** Pages and routes are bundled apart; what one process counts has to live beside them all. */
const shared = globalThis as typeof globalThis & { sandgateNewGuests?: Map<string, number> };

/** Of each network when none of its guests counts as new any more; who had one last is at the end. */
export const newGuests = () => (shared.sandgateNewGuests ??= new Map<string, number>());

const networkBehind = (headers: Headers) => networkOf(clientAddress(headers) ?? '');

/** In how many seconds whoever makes a request may become a guest; 0: now. */
export function guestWait(headers: Headers, now = performance.now()): number {
  const until = newGuests().get(networkBehind(headers)) ?? now;
  return Math.max(0, Math.ceil((until - now - (AT_ONCE - 1) * EACH_MS) / 1000));
}

/** Counts a new guest. */
export function countGuest(headers: Headers, now = performance.now()): void {
  const networks = newGuests();
  const network = networkBehind(headers);
  const until = Math.max(networks.get(network) ?? now, now) + EACH_MS;
  networks.delete(network);
  networks.set(network, until);
  const [oldest] = networks.keys();
  if (networks.size > MAX_NETWORKS && oldest !== undefined) networks.delete(oldest);
}
