import { readBounded } from '@/server/body';
import { relayJson } from '@/server/gateway';
import { refuseForeignPost } from '@/server/guard';
import { problem } from '@/server/problem';
import { forVisitor } from '@/server/visitor';

export async function POST(request: Request) {
  const refusal = refuseForeignPost(request.headers);
  if (refusal) return refusal;

  return forVisitor(request, async ({ user }) => {
    const body = await readBounded(request);
    if (body === null) {
      return problem(
        413,
        'Content Too Large',
        'The program and its input are larger than 1 MB together. Make them smaller and run again.',
      );
    }

    // Not tied to the browser's connection: a program once sent should be queued.
    return relayJson('/api/v1/run', {
      method: 'POST',
      user,
      from: request.headers,
      headers: { 'Content-Type': 'application/json' },
      body,
    });
  });
}
