import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Job } from './api';
import { followRun } from './follow';
import { noConnection, ProblemError } from './problem';

class FakeEventSource extends EventTarget {
  static readonly CLOSED = 2;
  static opened: FakeEventSource[] = [];
  readyState = 1;
  onerror: (() => void) | null = null;

  constructor(readonly url: string) {
    super();
    FakeEventSource.opened.push(this);
  }

  close() {
    this.readyState = 2;
  }

  say(type: string, data: unknown) {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }

  fail(readyState: 0 | 2) {
    this.readyState = readyState;
    this.onerror?.();
  }
}

const job = (statusId: number) => ({ jobId: 'x', status: { id: statusId } }) as Job;

let comeOnline: () => void;

function follow(fetchJob: (id: string) => Promise<Job> = () => Promise.resolve(job(3))) {
  const handlers = {
    onStatus: vi.fn(),
    onResult: vi.fn(),
    onConnectionLost: vi.fn(),
    onGivenUp: vi.fn(),
  };
  const stop = followRun('x', handlers, {
    EventSource: FakeEventSource as unknown as typeof EventSource,
    fetchJob,
    whenOnline: (listener) => {
      comeOnline = listener;
      return () => undefined;
    },
  });
  return { handlers, stop };
}

function latest(): FakeEventSource {
  const source = FakeEventSource.opened.at(-1);
  if (!source) throw new Error('nothing was opened');
  return source;
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeEventSource.opened = [];
});

afterEach(() => {
  vi.useRealTimers();
});

describe('followRun', () => {
  it('reports statuses, then the result, then closes', () => {
    const { handlers } = follow();
    expect(latest().url).toBe('/api/runs/x/events');
    latest().say('status', { jobId: 'x', status: { id: 2, description: 'Processing' } });
    latest().say('result', job(3));
    expect(handlers.onStatus).toHaveBeenCalledWith({ id: 2, description: 'Processing' });
    expect(handlers.onResult).toHaveBeenCalledWith(job(3));
    expect(latest().readyState).toBe(FakeEventSource.CLOSED);
  });

  it('leaves reconnecting to the browser while the browser does it', async () => {
    const { handlers } = follow();
    latest().fail(0);
    await vi.runAllTimersAsync();
    expect(handlers.onConnectionLost).toHaveBeenCalledOnce();
    expect(FakeEventSource.opened).toHaveLength(1);
  });

  it('opens a new stream once the browser has stopped trying', async () => {
    const { handlers } = follow();
    latest().fail(2);
    await vi.runAllTimersAsync();
    expect(FakeEventSource.opened).toHaveLength(2);
    latest().say('result', job(3));
    expect(handlers.onResult).toHaveBeenCalledOnce();
  });

  async function failUntilAsked() {
    for (let i = 0; i < 4; i++) {
      latest().fail(2);
      await vi.runAllTimersAsync();
    }
  }

  it('asks for the job once when no stream comes back', async () => {
    const fetchJob = vi.fn(() => Promise.resolve(job(5)));
    const { handlers } = follow(fetchJob);
    await failUntilAsked();
    expect(fetchJob).toHaveBeenCalledOnce();
    expect(handlers.onResult).toHaveBeenCalledWith(job(5));
  });

  async function failForAMinute() {
    await failUntilAsked();
    for (let i = 0; i < 12; i++) {
      latest().fail(2);
      await vi.runAllTimersAsync();
    }
  }

  it('keeps trying while the job is still running or cannot be had, then gives up', async () => {
    const running = follow(() => Promise.resolve(job(2)));
    await failUntilAsked();
    expect(running.handlers.onGivenUp).not.toHaveBeenCalled();
    await failForAMinute();
    expect(running.handlers.onGivenUp).toHaveBeenCalledOnce();

    const down = follow(() => Promise.reject(new ProblemError(noConnection)));
    await failForAMinute();
    expect(down.handlers.onGivenUp).toHaveBeenCalledWith(noConnection);
  });

  it('gives up at once when there is no such job', async () => {
    const gone = { status: 404, title: 'Not Found', detail: 'gone', fields: [] };
    const { handlers } = follow(() => Promise.reject(new ProblemError(gone)));
    await failUntilAsked();
    expect(handlers.onGivenUp).toHaveBeenCalledWith(gone);
  });

  it('tries at once when the browser is online again', () => {
    const { handlers } = follow();
    latest().fail(2);
    comeOnline();
    expect(FakeEventSource.opened).toHaveLength(2);
    latest().say('result', job(3));
    expect(handlers.onResult).toHaveBeenCalledOnce();
  });

  it('forgets earlier failures once it hears something', async () => {
    const { handlers } = follow();
    for (let i = 0; i < 6; i++) {
      latest().fail(2);
      await vi.runAllTimersAsync();
      latest().say('status', { status: { id: 2, description: 'Processing' } });
    }
    expect(handlers.onGivenUp).not.toHaveBeenCalled();
    expect(handlers.onResult).not.toHaveBeenCalled();
  });

  it('is silent after it was stopped', async () => {
    const { handlers, stop } = follow();
    latest().fail(2);
    stop();
    await vi.runAllTimersAsync();
    expect(FakeEventSource.opened).toHaveLength(1);
    expect(handlers.onGivenUp).not.toHaveBeenCalled();
  });
});
