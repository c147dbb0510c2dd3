import { noConnection, ProblemError, toProblem, type Problem } from './problem';

/** Asks this page's server for JSON; throws a ProblemError, or an AbortError if told to stop. */
export async function request<T>(url: string, init?: RequestInit): Promise<T> {
  let response = await answerTo(url, init);
  // The guest's cookie came with the page, and is gone or not valid any more. Where no guest can be
  // made for now, the answer says how long.
  if (response.status === 401 && !response.headers.has('retry-after')) {
    await becomeGuest();
    response = await answerTo(url, init);
    if (response.status !== 401)
      listeners.forEach((listener) => {
        listener();
      });
  }
  if (response.status === 204) return undefined as T;
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    throw new ProblemError(toProblem(response.status, body, response.headers.get('retry-after')));
  }
  return body as T;
}

async function answerTo(url: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw new ProblemError(noConnection);
  }
}

let becoming: Promise<void> | null = null;

/**
 * Asks for a page, which brings the cookie of a guest: what is on this one stays, as it would not in
 * a reload. Calls that are refused at the same time become one guest.
 */
function becomeGuest(): Promise<void> {
  return (becoming ??= fetch('/', { cache: 'no-store' })
    .then(
      (page) => page.body?.cancel(),
      () => undefined, // the call itself will tell
    )
    .finally(() => {
      becoming = null;
    }));
}

const listeners = new Set<() => void>();

/** Tells when this browser has become a guest after its page was there; returns what stops telling. */
export function whenNewGuest(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function post<T>(url: string, body: unknown = {}): Promise<T> {
  return request<T>(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

export function remove(url: string): Promise<void> {
  return request(url, { method: 'DELETE' });
}

export function problemOf(error: unknown): Problem {
  return error instanceof ProblemError ? error.problem : noConnection;
}
