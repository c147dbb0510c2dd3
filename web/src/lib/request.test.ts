import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { post, request, whenNewGuest } from './request';

/** A server that answers calls by `answer`, and what it was asked. */
let answer: (url: string) => Response | Promise<Response>;
let asked: string[];
const told = vi.fn();
let stopTelling: () => void;

beforeEach(() => {
  asked = [];
  told.mockClear();
  stopTelling = whenNewGuest(told);
  vi.stubGlobal('fetch', (url: string, init?: { body?: string }) => {
    asked.push(init?.body === undefined ? url : `${url} ${init.body}`);
    return Promise.resolve(answer(url));
  });
});
afterEach(() => {
  stopTelling();
  vi.unstubAllGlobals();
});

const refusal = (headers: Record<string, string> = {}) =>
  Response.json({ title: 'Not known', detail: 'No cookie.' }, { status: 401, headers });

describe('a call without a cookie', () => {
  it('gets one with a page, and is made once more as it was', async () => {
    let known = false;
    answer = (url) => {
      if (url === '/') known = true;
      return known ? Response.json({ jobId: 'x' }) : refusal();
    };
    expect(await post('/api/run', { code: '1' })).toEqual({ jobId: 'x' });
    expect(asked).toEqual(['/api/run {"code":"1"}', '/', '/api/run {"code":"1"}']);
    expect(told).toHaveBeenCalledOnce();
    await request('/api/runs');
    expect(asked).toHaveLength(4);
  });

  it('becomes one guest with others at the same time', async () => {
    let known = false;
    answer = async (url) => {
      await Promise.resolve();
      if (url === '/') known = true;
      return known ? Response.json({}) : refusal();
    };
    await Promise.all([request('/api/usage'), request('/api/keys')]);
    expect(asked.filter((url) => url === '/')).toHaveLength(1);
  });

  it('is refused for good where the browser keeps no cookie, without asking on', async () => {
    answer = (url) => (url === '/' ? new Response('a page') : refusal());
    await expect(request('/api/runs')).rejects.toThrow('No cookie.');
    expect(asked).toEqual(['/api/runs', '/', '/api/runs']);
    expect(told).not.toHaveBeenCalled();
  });

  it('asks for no page where that would make no guest, and says when it does', async () => {
    answer = () => refusal({ 'Retry-After': '18' });
    await expect(request('/api/runs')).rejects.toMatchObject({
      problem: { title: 'Not known', retry: { after: 18, reason: 'No cookie.' } },
    });
    expect(asked).toEqual(['/api/runs']);
  });

  it('is refused where the page can’t be had', async () => {
    answer = (url) => (url === '/' ? Promise.reject(new TypeError('offline')) : refusal());
    await expect(request('/api/runs')).rejects.toThrow('No cookie.');
  });
});

it('asks once for what is refused for another reason', async () => {
  answer = () => Response.json({ detail: 'Not you.' }, { status: 403 });
  await expect(request('/api/keys')).rejects.toThrow('Not you.');
  expect(asked).toEqual(['/api/keys']);
});
