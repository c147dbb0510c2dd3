import { clientAddress } from './clientAddress';
import { problem } from './problem';

const TIMEOUT_MS = 15_000;

interface GatewayRequest {
  method?: 'GET' | 'POST' | 'DELETE';
  /** The headers of the request that this is for: its sender's address goes along. */
  from: Headers;
  /** On whose behalf; without one it is the server's own affair. */
  user?: string;
  headers?: Record<string, string>;
  body?: BodyInit;
  signal?: AbortSignal;
}

/** Read on each request, so that one build serves every deployment. */
function settings() {
  const base = process.env.SANDGATE_URL ?? 'http://127.0.0.1:8080';
  return { base: base.replace(/\/+$/, ''), key: process.env.SANDGATE_API_KEY ?? '' };
}

async function callGateway(
  path: string,
  { user, from, ...request }: GatewayRequest,
): Promise<Response> {
  const { base, key } = settings();
  const client = clientAddress(from);
  return fetch(base + path, {
    ...request,
    headers: {
      ...request.headers,
      ...(key && { 'X-Auth-Token': key }),
      ...(user !== undefined && { 'X-Sandgate-User': user }),
      ...(client !== null && { 'X-Forwarded-For': client }),
    },
    cache: 'no-store',
    // The key goes to the configured host and nowhere a redirect points to.
    redirect: 'error',
  });
}

function isJson(response: Response): boolean {
  return /^application\/([\w.-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '');
}

function unreachable(error: unknown): Response {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return problem(
      504,
      'Gateway Timeout',
      'The Sandgate gateway took too long to answer. Try again in a moment.',
    );
  }
  return problem(
    502,
    'Bad Gateway',
    'The Sandgate gateway cannot be reached. It may be starting, or it may be down.',
  );
}

function notSandgate(): Response {
  return problem(
    502,
    'Bad Gateway',
    'What answered at the gateway’s address does not look like a Sandgate gateway.',
  );
}

/** A JSON call: the gateway's answer, or a problem that says why there is none. */
export async function relayJson(path: string, request: GatewayRequest): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
  try {
    const answer = await callGateway(path, {
      ...request,
      signal,
      headers: { Accept: 'application/json', ...request.headers },
    });
    if (answer.status === 204) {
      return new Response(null, { status: 204, headers: { 'Cache-Control': 'no-store' } });
    }
    if (!isJson(answer)) {
      await answer.body?.cancel();
      return notSandgate();
    }
    return new Response(await answer.arrayBuffer(), {
      status: answer.status,
      headers: passOn(answer),
    });
  } catch (error) {
    return unreachable(error);
  }
}

/** The event stream: bounded until the gateway answers, then open for as long as both sides stay. */
export async function relayEvents(
  path: string,
  user: string,
  { headers, signal: browserLeft }: Request,
): Promise<Response> {
  const upstream = new AbortController();
  const timer = setTimeout(() => {
    upstream.abort(new DOMException('No answer', 'TimeoutError'));
  }, TIMEOUT_MS);
  const lastEventId = headers.get('last-event-id');
  browserLeft.addEventListener('abort', () => {
    upstream.abort();
  });

  try {
    const answer = await callGateway(path, {
      user,
      from: headers,
      signal: upstream.signal,
      headers: {
        Accept: 'text/event-stream',
        ...(lastEventId !== null && { 'Last-Event-ID': lastEventId }),
      },
    });
    if (!answer.ok || !answer.body) {
      if (!isJson(answer)) {
        upstream.abort();
        return notSandgate();
      }
      return new Response(await answer.arrayBuffer(), {
        status: answer.status,
        headers: passOn(answer),
      });
    }
    return new Response(untilEitherEnds(answer.body, upstream), {
      headers: {
        'Content-Type': 'text/event-stream; charset=utf-8',
        // no-transform also keeps Next from compressing, and so buffering, the stream.
        'Cache-Control': 'no-cache, no-transform',
        'X-Accel-Buffering': 'no',
      },
    });
  } catch (error) {
    return unreachable(error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A gateway that goes away mid-stream is an ordinary end of stream for the
 * browser, which reconnects; it is not an error worth a stack trace here.
 */
function untilEitherEnds(
  body: ReadableStream<Uint8Array>,
  upstream: AbortController,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch {
        controller.close();
      }
    },
    cancel() {
      upstream.abort();
    },
  });
}

function passOn(answer: Response): Record<string, string> {
  const headers: Record<string, string> = {
    'Content-Type': answer.headers.get('content-type') ?? 'application/json',
    'Cache-Control': 'no-store',
  };
  const retryAfter = answer.headers.get('retry-after');
  if (retryAfter !== null) headers['Retry-After'] = retryAfter;
  return headers;
}
