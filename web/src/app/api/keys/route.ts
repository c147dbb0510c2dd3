import { refuseForeignPost } from '@/server/guard';
import { relayKeys } from '@/server/keys';

export function GET(request: Request) {
  return relayKeys(request, 'GET');
}

export function POST(request: Request) {
  return refuseForeignPost(request.headers) ?? relayKeys(request, 'POST');
}
