import { describe, expect, it } from 'vitest';
import { readBounded } from './body';

const post = (body: BodyInit | null, headers: Record<string, string> = {}) =>
  new Request('http://x/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);

function inChunks(...chunks: string[]): ReadableStream {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
}

describe('readBounded', () => {
  it('joins the chunks of a body', async () => {
    const body = await readBounded(post(inChunks('ab', 'cd')), 4);
    expect(new TextDecoder().decode(body ?? undefined)).toBe('abcd');
  });

  it('takes no body for an empty one', async () => {
    expect(await readBounded(post(null))).toHaveLength(0);
  });

  it('refuses by the announced length', async () => {
    expect(await readBounded(post('abcde', { 'content-length': '5' }), 4)).toBeNull();
  });

  it('refuses by the real length when none is announced', async () => {
    expect(await readBounded(post(inChunks('ab', 'cd', 'e')), 4)).toBeNull();
  });
});
