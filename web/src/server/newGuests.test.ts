import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { notePeers } from './clientAddress';
import { countGuest, guestWait, newGuests } from './newGuests';

notePeers();
beforeEach(() => {
  newGuests().clear();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const { sandgatePeerHeader = '' } = globalThis as { sandgatePeerHeader?: string };
const from = (address: string) => new Headers({ [sandgatePeerHeader]: address });

/** How many guests come from there at once before one has to wait. */
function comeAtOnce(headers: Headers, now: number): number {
  let guests = 0;
  for (; guestWait(headers, now) === 0; guests++) countGuest(headers, now);
  return guests;
}

it('lets a class in at once, then one after the other', () => {
  const school = from('203.0.113.9');
  expect(comeAtOnce(school, 0)).toBe(100);
  expect(guestWait(school, 0)).toBe(18);
  expect(guestWait(school, 17_500)).toBe(1);
  expect(comeAtOnce(school, 18_000)).toBe(1);
  expect(comeAtOnce(school, 3_600_000)).toBe(100);
});

it('lets no more than so many in within an hour, however they come', () => {
  const school = from('203.0.113.9');
  let guests = comeAtOnce(school, 0);
  for (let now = 0; now <= 3_600_000; now += 1000) guests += comeAtOnce(school, now);
  expect(guests).toBe(300);
});

it('lets in as many as the setting says', () => {
  vi.stubEnv('SANDGATE_GUESTS_PER_HOUR', '1');
  expect(comeAtOnce(from('203.0.113.9'), 0)).toBe(1);
  expect(guestWait(from('203.0.113.9'), 0)).toBe(3600);
  vi.stubEnv('SANDGATE_GUESTS_PER_HOUR', '0');
  expect(guestWait(from('203.0.113.9'), 0)).toBe(0);
  countGuest(from('203.0.113.10'), 0);
  expect(newGuests().size).toBe(1);
});

it('counts each address by itself, and of IPv6 each /64', () => {
  comeAtOnce(from('203.0.113.9'), 0);
  expect(guestWait(from('203.0.113.10'), 0)).toBe(0);
  comeAtOnce(from('2001:db8::1'), 0);
  expect(guestWait(from('2001:db8::ffff:2'), 0)).toBeGreaterThan(0);
  expect(guestWait(from('2001:db8:0:1::1'), 0)).toBe(0);
});

it('counts those together whose address nobody noted', () => {
  comeAtOnce(new Headers(), 0);
  expect(guestWait(new Headers({ 'X-Forwarded-For': '203.0.113.9' }), 0)).toBeGreaterThan(0);
});

it('remembers a bounded number of networks, those of the last guests', () => {
  const first = from('10.0.0.0');
  const second = from('10.0.0.1');
  comeAtOnce(first, 0);
  comeAtOnce(second, 0);
  for (let n = 2; n < 10_000; n++)
    countGuest(from(`10.${String(n >> 16)}.${String((n >> 8) & 255)}.${String(n & 255)}`), 0);
  expect(newGuests().size).toBe(10_000);
  countGuest(first, 0);
  countGuest(from('10.1.0.0'), 0);
  expect(newGuests().size).toBe(10_000);
  expect(guestWait(first, 0)).toBeGreaterThan(0);
  expect(guestWait(second, 0)).toBe(0);
});
