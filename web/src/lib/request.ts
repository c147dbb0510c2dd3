import { noConnection, ProblemError, toProblem, type Problem } from './problem';

/** Asks this page's server for JSON; throws a ProblemError, or an AbortError if told to stop. */
export async function request<T>(url: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw new ProblemError(noConnection);
  }
  if (response.status === 204) return undefined as T;
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    throw new ProblemError(toProblem(response.status, body, response.headers.get('retry-after')));
  }
  return body as T;
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
