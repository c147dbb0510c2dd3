import { relayJson } from '@/server/gateway';
import { isShareId } from '@/server/ids';
import { notFound } from '@/server/problem';

export async function GET(request: Request, { params }: RouteContext<'/api/shared/[id]'>) {
  const { id } = await params;
  if (!isShareId(id)) return notFound('shared run');
  return relayJson(`/api/v1/shared/${id}`, { from: request.headers, signal: request.signal });
}
