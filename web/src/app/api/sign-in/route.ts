import { beginSignIn } from '@/server/auth';
import { readBounded } from '@/server/body';
import { refuseForeignPost } from '@/server/guard';
import { problem } from '@/server/problem';
import { localPath } from '@/server/localPath';
import { signInSettings } from '@/server/settings';

/**
 * Answers with the issuer's address instead of redirecting to it: the page goes there itself, and
 * needs no permission to submit forms to other sites.
 */
export async function POST(request: Request) {
  const refusal = refuseForeignPost(request.headers);
  if (refusal) return refusal;
  if (!signInSettings()) return problem(404, 'Not Found', 'Nobody can sign in here.');

  const body = await readBounded(request, 4096);
  const url = await beginSignIn(localPath(body));
  // What fails before the issuer is reached ends on a page of this server.
  if (new URL(url).searchParams.has('error') && !new URL(url).searchParams.has('client_id')) {
    return problem(502, 'Bad Gateway', 'The sign-in service does not answer. Try again later.');
  }
  return Response.json({ url }, { headers: { 'Cache-Control': 'no-store' } });
}
