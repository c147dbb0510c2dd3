import { createHash } from 'node:crypto';
import { getToken } from 'next-auth/jwt';
import { overTls } from './cookies';
import { guestCookie, guestOf, newGuest } from './guest';
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
  /** Set-Cookie for a browser that was no guest yet. */
  cookie: string | null;
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

/** Who makes a request: somebody who signed in, or a guest, who may be new. */
export async function visitorOf(headers: Headers): Promise<Visitor> {
  const person = await personOf(headers);
  if (person) return { user: person.user, person, cookie: null };
  const known = guestOf(headers);
  const guest = known ?? newGuest();
  return {
    user: `guest:${guest}`,
    person: null,
    cookie: known === null ? guestCookie(guest, headers) : null,
  };
}

/** Answers a request in the name of its visitor, and lets a new guest come back as the same. */
export async function forVisitor(
  request: Request,
  serve: (visitor: Visitor) => Response | Promise<Response>,
): Promise<Response> {
  const visitor = await visitorOf(request.headers);
  const response = await serve(visitor);
  if (visitor.cookie !== null) response.headers.append('Set-Cookie', visitor.cookie);
  return response;
}
