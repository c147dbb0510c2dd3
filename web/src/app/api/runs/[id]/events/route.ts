import { relayEvents } from '@/server/gateway';
import { notFound } from '@/server/problem';
import { isRunId } from '@/server/runId';

export async function GET(request: Request, { params }: RouteContext<'/api/runs/[id]/events'>) {
  const { id } = await params;
  if (!isRunId(id)) return notFound();
  return relayEvents(
    `/api/v1/submissions/${id}/events`,
    request.headers.get('last-event-id'),
    request.signal,
  );
}
