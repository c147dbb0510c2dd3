import type { Job, Status } from './api';
import { eventsUrl, fetchJob } from './client';
import { lostTrack, noConnection, ProblemError, type Problem } from './problem';
import { isFinished } from './status';

export interface FollowHandlers {
  onStatus: (status: Status) => void;
  onResult: (job: Job) => void;
  onConnectionLost: () => void;
  onGivenUp: (problem: Problem) => void;
}

/** How long to wait before each new attempt once the browser no longer reconnects by itself. */
const RETRY_DELAYS_MS = [500, 1500, 3000];

interface Surroundings {
  EventSource: typeof EventSource;
  fetchJob: typeof fetchJob;
}

/**
 * Follows a run by server-sent events until its result is there. A lost
 * connection is taken up again, by the browser or by us; when that fails, the
 * job is asked for once, and then the person decides. Returns a function that
 * stops following.
 */
export function followRun(
  id: string,
  handlers: FollowHandlers,
  surroundings: Surroundings = { EventSource, fetchJob },
): () => void {
  let failures = 0;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource;

  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    source.close();
  };

  const open = () => {
    source = new surroundings.EventSource(eventsUrl(id));
    source.addEventListener('status', (event: MessageEvent<string>) => {
      failures = 0;
      handlers.onStatus((JSON.parse(event.data) as { status: Status }).status);
    });
    source.addEventListener('result', (event: MessageEvent<string>) => {
      stop();
      handlers.onResult(JSON.parse(event.data) as Job);
    });
    source.onerror = () => {
      handlers.onConnectionLost();
      failures++;
      const delay = RETRY_DELAYS_MS[failures - 1];
      if (delay === undefined) {
        source.close();
        void askOnce();
      } else if (source.readyState === surroundings.EventSource.CLOSED) {
        timer = setTimeout(open, delay);
      }
    };
  };

  const askOnce = async () => {
    try {
      const job = await surroundings.fetchJob(id);
      if (stopped) return;
      if (isFinished(job.status.id)) handlers.onResult(job);
      else handlers.onGivenUp(lostTrack);
    } catch (error) {
      if (!stopped)
        handlers.onGivenUp(error instanceof ProblemError ? error.problem : noConnection);
    }
  };

  open();
  return stop;
}
