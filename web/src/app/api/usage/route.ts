import { relayJson } from '@/server/gateway';
import { forVisitor } from '@/server/visitor';

export function GET(request: Request) {
  return forVisitor(request, ({ user }) =>
    relayJson('/api/v1/usage', { user, from: request.headers, signal: request.signal }),
  );
}
