import { relayJson } from '@/server/gateway';
import { notFound } from '@/server/problem';
import { isRunId } from '@/server/runId';

export async function GET(request: Request, { params }: RouteContext<'/api/runs/[id]'>) {
  const { id } = await params;
  if (!isRunId(id)) return notFound();
  return relayJson(`/api/v1/submissions/${id}`, { signal: request.signal });
}
