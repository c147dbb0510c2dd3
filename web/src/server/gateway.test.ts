import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { relayEvents, relayJson } from './gateway';

let server: Server;
let answer: RequestListener;

beforeEach(async () => {
  server = createServer((request, response) => {
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('SANDGATE_URL', `http://127.0.0.1:${port}/`);
  vi.stubEnv('SANDGATE_API_KEY', 'the-key');
});

afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const from = new Headers();
/** A browser's request for events, which it may leave. */
const events = (signal?: AbortSignal, headers = {}) =>
  new Request('http://page.example/events', { headers, signal: signal ?? null });

describe('relayJson', () => {
  it('sends the key and passes on what the gateway says, but none of its headers', async () => {
    let seen: unknown;
    answer = (request, response) => {
      seen = [request.method, request.url, request.headers['x-auth-token']];
      response.setHeader('Set-Cookie', 'a=b');
      response.setHeader('Content-Type', 'application/problem+json');
      response.setHeader('Retry-After', '7');
      response.writeHead(503).end('{"detail":"Full."}');
    };
    const relayed = await relayJson('/api/v1/run', { from, method: 'POST', body: '{}' });
    expect(seen).toEqual(['POST', '/api/v1/run', 'the-key']);
    expect(relayed.status).toBe(503);
    expect(relayed.headers.get('content-type')).toBe('application/problem+json');
    expect(relayed.headers.get('retry-after')).toBe('7');
    expect(relayed.headers.has('set-cookie')).toBe(false);
    expect(await relayed.json()).toEqual({ detail: 'Full.' });
  });

  it('says on whose behalf it asks, and only then', async () => {
    const seen: unknown[] = [];
    answer = (request, response) => {
      seen.push(request.headers['x-sandgate-user']);
      response.setHeader('Content-Type', 'application/json');
      response.end('{}');
    };
    await relayJson('/api/v1/languages', { from });
    await relayJson('/api/v1/submissions', { from, user: 'guest:a' });
    expect(seen).toEqual([undefined, 'guest:a']);
  });

  it('passes on an answer without a body', async () => {
    answer = (_request, response) => response.writeHead(204).end();
    const relayed = await relayJson('/api/v1/submissions/x', { from, method: 'DELETE' });
    expect([relayed.status, await relayed.text()]).toEqual([204, '']);
  });

  it('does not pass on a page that is not JSON', async () => {
    answer = (_request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end('<h1>Welcome</h1>');
    };
    const relayed = await relayJson('/api/v1/languages', { from });
    expect(relayed.status).toBe(502);
    expect(await relayed.text()).not.toContain('Welcome');
  });

  it('does not carry the key to where a redirect points', async () => {
    let requests = 0;
    answer = (_request, response) => {
      requests++;
      response.writeHead(302, { Location: '/elsewhere' }).end();
    };
    expect((await relayJson('/api/v1/languages', { from })).status).toBe(502);
    expect(requests).toBe(1);
  });

  it('says that the gateway is down in a sentence, without its address', async () => {
    vi.stubEnv('SANDGATE_URL', 'http://127.0.0.1:1');
    const relayed = await relayJson('/api/v1/languages', { from });
    expect(relayed.status).toBe(502);
    expect(relayed.headers.get('content-type')).toBe('application/problem+json');
    const text = await relayed.text();
    expect(text).toContain('cannot be reached');
    expect(text).not.toContain('127.0.0.1');
  });
});

describe('relayEvents', () => {
  it('streams events as they come and resumes after the last one', async () => {
    let more: () => void = () => undefined;
    answer = (request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(`id: ${String(request.headers['last-event-id'])}\n\n`);
      more = () => response.end('event: result\n\n');
    };
    const relayed = await relayEvents(
      '/events',
      'guest:a',
      events(undefined, { 'Last-Event-ID': '4' }),
    );
    expect(relayed.headers.get('cache-control')).toBe('no-cache, no-transform');
    const reader = (relayed.body as ReadableStream<Uint8Array>).getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toBe('id: 4\n\n');
    more();
    expect(await next()).toBe('event: result\n\n');
    expect((await reader.read()).done).toBe(true);
  });

  it('lets go of the gateway when the browser leaves', async () => {
    const left = new Promise<void>((resolve) => {
      answer = (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write(': hello\n\n');
        response.on('close', resolve);
      };
    });
    const browser = new AbortController();
    await relayEvents('/events', 'guest:a', events(browser.signal));
    browser.abort();
    await left;
  });

  it('ends quietly when the gateway goes away', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(': hello\n\n', () => response.destroy());
    };
    const relayed = await relayEvents('/events', 'guest:a', events());
    expect(await relayed.text()).toBe(': hello\n\n');
  });

  it('passes on a refusal as what it is', async () => {
    answer = (_request, response) => {
      response.setHeader('Content-Type', 'application/problem+json');
      response.writeHead(404).end('{"detail":"No such submission."}');
    };
    const relayed = await relayEvents('/events', 'guest:a', events());
    expect(relayed.status).toBe(404);
    expect(await relayed.json()).toEqual({ detail: 'No such submission.' });
  });
});
