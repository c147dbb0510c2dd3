import { refuseForeign } from '@/server/guard';
import { isKeyId } from '@/server/ids';
import { relayKeys } from '@/server/keys';
import { notFound } from '@/server/problem';

export async function DELETE(request: Request, { params }: RouteContext<'/api/keys/[id]'>) {
  const refusal = refuseForeign(request.headers);
  if (refusal) return refusal;
  const { id } = await params;
  return isKeyId(id) ? relayKeys(request, 'DELETE', `/${id}`) : notFound('key');
}
