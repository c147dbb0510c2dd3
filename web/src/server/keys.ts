import { readBounded } from './body';
import { relayJson } from './gateway';
import { problem } from './problem';
import { signInSettings } from './settings';
import { forVisitor, type Visitor } from './visitor';

const MAX_KEY_BODY_BYTES = 4096;

/**
 * A key outlives the browser that made it. Where people can sign in, a key therefore belongs to
 * somebody who did; where nobody can, to the guest.
 */
export function mayHaveKeys(visitor: Visitor): boolean {
  return visitor.person !== null || signInSettings() === null;
}

/** Asks the gateway about the visitor's keys; `path` is what follows /api/v1/keys. */
export function relayKeys(
  request: Request,
  method: 'GET' | 'POST' | 'DELETE',
  path = '',
): Promise<Response> {
  return forVisitor(request, async (visitor) => {
    if (!mayHaveKeys(visitor))
      return problem(403, 'Sign in first', 'API keys belong to an account. Sign in to make one.');
    const { user } = visitor;
    const from = request.headers;
    if (method !== 'POST') return relayJson(`/api/v1/keys${path}`, { method, user, from });

    const body = await readBounded(request, MAX_KEY_BODY_BYTES);
    if (body === null) return problem(413, 'Content Too Large', 'That is too long for a key.');
    const headers = { 'Content-Type': 'application/json' };
    return relayJson(`/api/v1/keys${path}`, { method, user, from, headers, body });
  });
}
