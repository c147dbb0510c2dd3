import { problem } from './problem';

/**
 * This server acts for whoever's cookie a request carries, so another site must not be able to make
 * a visitor's browser send one that changes something. Returns the refusal, or null when the
 * request may pass.
 */
export function refuseForeign(headers: Headers): Response | null {
  const site = headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin' && site !== 'none') return foreign();

  const origin = headers.get('origin');
  if (origin !== null && hostOf(origin) !== headers.get('host')?.toLowerCase()) return foreign();
  return null;
}

/** The same for what has a body. */
export function refuseForeignPost(headers: Headers): Response | null {
  const refusal = refuseForeign(headers);
  if (refusal) return refusal;

  // A form can send only three content types without asking first; JSON is none of them.
  const contentType = headers.get('content-type') ?? '';
  if (contentType.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    return problem(415, 'Unsupported Media Type', 'Send the request as application/json.');
  }
  return null;
}

function foreign(): Response {
  return problem(403, 'Forbidden', 'This can be done only from the page itself.');
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host;
  } catch {
    return null; // "null", the origin of sandboxed frames, ends here
  }
}
