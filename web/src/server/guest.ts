import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { overTls, readCookie } from './cookies';
import { webSecret } from './settings';

/** Browsers keep no cookie longer. */
const MAX_AGE_SECONDS = 400 * 24 * 60 * 60;
const GUEST = /^[\w-]{22}$/;

/** Under TLS the prefix makes browsers refuse the cookie from anywhere but this very host. */
function cookieName(headers: Headers): string {
  return overTls(headers) ? '__Host-sandgate-guest' : 'sandgate-guest';
}

function sign(id: string): Buffer {
  return createHmac('sha256', webSecret()).update(`guest ${id}`).digest();
}

/** The guest whose cookie the request carries, if it is one that we made. */
export function guestOf(headers: Headers): string | null {
  const [id = '', mac = '', ...rest] = (readCookie(headers, cookieName(headers)) ?? '').split('.');
  if (!GUEST.test(id) || rest.length > 0) return null;
  const given = Buffer.from(mac, 'base64url');
  const wanted = sign(id);
  return given.length === wanted.length && timingSafeEqual(given, wanted) ? id : null;
}

export function newGuest(): string {
  return randomBytes(16).toString('base64url');
}

/** The value of Set-Cookie that makes a browser this guest. */
export function guestCookie(id: string, headers: Headers): string {
  return [
    `${cookieName(headers)}=${id}.${sign(id).toString('base64url')}`,
    'Path=/',
    `Max-Age=${MAX_AGE_SECONDS}`,
    'HttpOnly',
    'SameSite=Lax',
    ...(overTls(headers) ? ['Secure'] : []),
  ].join('; ');
}
