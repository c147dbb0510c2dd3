import { signOut } from '@/server/auth';
import { refuseForeignPost } from '@/server/guard';

export async function POST(request: Request) {
  const refusal = refuseForeignPost(request.headers);
  if (refusal) return refusal;
  await signOut();
  return new Response(null, { status: 204 });
}
