import { refuseForeignPost } from '@/server/guard';
import { isKeyId } from '@/server/ids';
import { relayKeys } from '@/server/keys';
import { notFound } from '@/server/problem';

export async function POST(request: Request, { params }: RouteContext<'/api/keys/[id]/rotate'>) {
  const refusal = refuseForeignPost(request.headers);
  if (refusal) return refusal;
  const { id } = await params;
  return isKeyId(id) ? relayKeys(request, 'POST', `/${id}/rotate`) : notFound('key');
}
