import { relayJson } from '@/server/gateway';
import { refuseForeign, refuseForeignPost } from '@/server/guard';
import { isRunId } from '@/server/ids';
import { notFound } from '@/server/problem';
import { forVisitor } from '@/server/visitor';

type Context = RouteContext<'/api/runs/[id]/share'>;

/** Makes the link, or gives the one that there is. */
export async function POST(request: Request, context: Context) {
  return refuseForeignPost(request.headers) ?? change('POST', request, context);
}

export async function DELETE(request: Request, context: Context) {
  return refuseForeign(request.headers) ?? change('DELETE', request, context);
}

async function change(method: 'POST' | 'DELETE', request: Request, { params }: Context) {
  const { id } = await params;
  if (!isRunId(id)) return notFound();
  return forVisitor(request, ({ user }) =>
    relayJson(`/api/v1/submissions/${id}/share`, { method, user, from: request.headers }),
  );
}
