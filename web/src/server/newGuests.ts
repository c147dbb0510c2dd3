import { clientAddress, networkOf } from './clientAddress';
import { guestsPerHour } from './settings';

/*
 * The gateway keeps an account for each guest, with a day's quota of its own: whoever could be a new
 * guest with each request would have no bound at all. A class behind one address comes all at once.
 */

const HOUR_MS = 3_600_000;

/** Beyond so many, the network is forgotten that had no new guest for the longest. */
const MAX_NETWORKS = 10_000;

/** Pages and routes are bundled apart; what one process counts has to live beside them all. */
const shared = globalThis as typeof globalThis & { sandgateNewGuests?: Map<string, number> };

/** Of each network when none of its guests counts as new any more; who had one last is at the end. */
export const newGuests = () => (shared.sandgateNewGuests ??= new Map<string, number>());

const networkBehind = (headers: Headers) => networkOf(clientAddress(headers) ?? '');

/** In how many seconds whoever makes a request may become a guest; 0: now. */
export function guestWait(headers: Headers, now = performance.now()): number {
  const anHour = guestsPerHour();
  if (anHour === 0) return 0;
  const atOnce = Math.ceil(anHour / 2);
  const until = newGuests().get(networkBehind(headers)) ?? now;
  return Math.max(0, Math.ceil((until - now - ((atOnce - 1) * HOUR_MS) / anHour) / 1000));
}

/** Counts a new guest. */
export function countGuest(headers: Headers, now = performance.now()): void {
  const anHour = guestsPerHour();
  if (anHour === 0) return;
  const networks = newGuests();
  const network = networkBehind(headers);
  const until = Math.max(networks.get(network) ?? now, now) + HOUR_MS / anHour;
  networks.delete(network);
  networks.set(network, until);
  const [oldest] = networks.keys();
  if (networks.size > MAX_NETWORKS && oldest !== undefined) networks.delete(oldest);
}
