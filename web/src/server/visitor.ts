import { createHash } from 'node:crypto';
import { getToken } from 'next-auth/jwt';
import { overTls } from './cookies';
import { guestCookie, guestOf, newGuest } from './guest';
import { countGuest, guestWait } from './newGuests';
import { problem } from './problem';
import { signInSettings, webSecret } from './settings';

export interface Person {
  user: string;
  name: string | null;
  email: string | null;
}

export interface Visitor {
  /** As the gateway knows them: it keeps each visitor's runs and keys apart by this name. */
  user: string;
  person: Person | null;
}

/** A subject may be long, or hold what no header can; its hash with the issuer's is neither. */
export function userOf(issuer: string, subject: string): string {
  return `user:${createHash('sha256').update(`${issuer}\n${subject}`).digest('base64url')}`;
}

/** Who signed in with this browser, or null. */
export async function personOf(headers: Headers): Promise<Person | null> {
  if (!signInSettings() || !headers.has('cookie')) return null;
  const cookie = new Headers({ cookie: headers.get('cookie') ?? '' });
  const token = await getToken({
    req: { headers: cookie },
    secret: webSecret(),
    secureCookie: overTls(headers),
  });
  if (typeof token?.user !== 'string') return null;
  return { user: token.user, name: token.name ?? null, email: token.email ?? null };
}

/** Who makes a request: somebody who signed in, or a guest that we made; null is nobody. */
export async function visitorOf(headers: Headers): Promise<Visitor | null> {
  const person = await personOf(headers);
  if (person) return { user: person.user, person };
  const guest = guestOf(headers);
  return guest === null ? null : { user: `guest:${guest}`, person: null };
}

export interface Welcome {
  /** Set-Cookie for a browser that becomes a guest. */
  cookie: string | null;
  /** In how many seconds it may become one, if that can't be now. */
  wait: number;
}

/** Makes a guest of whoever opens a page and is nobody yet, as far as their network may have more. */
export async function welcome(method: string, headers: Headers): Promise<Welcome> {
  if ((await visitorOf(headers)) !== null) return { cookie: null, wait: 0 };
  const wait = guestWait(headers);
  if (wait > 0 || !opensPage(method, headers)) return { cookie: null, wait };
  countGuest(headers);
  return { cookie: guestCookie(newGuest(), headers), wait: 0 };
}

/**
 * Forms of other sites come without the cookie that a browser may have, and it would take another in
 * its place; what other sites embed comes without it as well, and can keep none.
 */
function opensPage(method: string, headers: Headers): boolean {
  if (method !== 'GET') return false;
  const site = headers.get('sec-fetch-site') ?? 'none';
  return ['same-origin', 'none'].includes(site) || headers.get('sec-fetch-dest') === 'document';
}

/** Answers a request in the name of its visitor. Nobody is made a guest here: that is for pages. */
export async function forVisitor(
  request: Request,
  serve: (visitor: Visitor) => Response | Promise<Response>,
): Promise<Response> {
  const visitor = await visitorOf(request.headers);
  return visitor === null ? refuseNobody(request.headers) : serve(visitor);
}

function refuseNobody(headers: Headers): Response {
  const wait = guestWait(headers);
  if (wait === 0)
    return problem(
      401,
      'Your browser is not known here',
      'Guests are known by a cookie, which comes with the page, and none came back that is valid. Let your browser keep the cookies of this site, then load the page again.',
    );
  const signIn = signInSettings() ? ' Sign in, or wait.' : '';
  return problem(
    401,
    'No new guests for now',
    `Too many new guests have come from your network in a short time.${signIn}`,
    { 'Retry-After': String(wait) },
  );
}
