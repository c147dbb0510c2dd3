import { relayJson } from '@/server/gateway';
import { forVisitor } from '@/server/visitor';

const PASSED_ON = ['language', 'status', 'since', 'until', 'cursor', 'limit'];

/** The visitor's history. */
export function GET(request: Request) {
  const asked = new URL(request.url).searchParams;
  const query = new URLSearchParams();
  for (const name of PASSED_ON)
    for (const value of asked.getAll(name)) if (value !== '') query.append(name, value);
  return forVisitor(request, ({ user }) =>
    relayJson(`/api/v1/submissions?${query.toString()}`, {
      user,
      from: request.headers,
      signal: request.signal,
    }),
  );
}
