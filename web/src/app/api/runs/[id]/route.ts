import { relayJson } from '@/server/gateway';
import { refuseForeign } from '@/server/guard';
import { isRunId } from '@/server/ids';
import { notFound } from '@/server/problem';
import { forVisitor } from '@/server/visitor';

type Context = RouteContext<'/api/runs/[id]'>;

export async function GET(request: Request, { params }: Context) {
  const { id } = await params;
  if (!isRunId(id)) return notFound();
  const withProgram = new URL(request.url).searchParams.get('program') === 'true';
  return forVisitor(request, ({ user }) =>
    relayJson(`/api/v1/submissions/${id}${withProgram ? '?program=true' : ''}`, {
      user,
      from: request.headers,
      signal: request.signal,
    }),
  );
}

export async function DELETE(request: Request, { params }: Context) {
  const refusal = refuseForeign(request.headers);
  if (refusal) return refusal;
  const { id } = await params;
  if (!isRunId(id)) return notFound();
  return forVisitor(request, ({ user }) =>
    relayJson(`/api/v1/submissions/${id}`, { method: 'DELETE', user, from: request.headers }),
  );
}
