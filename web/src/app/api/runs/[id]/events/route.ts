import { relayEvents } from '@/server/gateway';
import { isRunId } from '@/server/ids';
import { notFound } from '@/server/problem';
import { forVisitor } from '@/server/visitor';

export async function GET(request: Request, { params }: RouteContext<'/api/runs/[id]/events'>) {
  const { id } = await params;
  if (!isRunId(id)) return notFound();
  return forVisitor(request, ({ user }) =>
    relayEvents(`/api/v1/submissions/${id}/events`, user, request),
  );
}
