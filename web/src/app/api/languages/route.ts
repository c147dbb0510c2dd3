import { relayJson } from '@/server/gateway';

export const dynamic = 'force-dynamic';

export function GET(request: Request) {
  return relayJson('/api/v1/languages', { from: request.headers, signal: request.signal });
}
