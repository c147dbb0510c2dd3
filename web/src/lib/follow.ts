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
/** After those the job is asked for between attempts, this often and this far apart. */
const ROUNDS = 12;
const ROUND_DELAY_MS = 5000;

interface Surroundings {
  EventSource: typeof EventSource;
  fetchJob: typeof fetchJob;
  /** Tells when the browser is online again; returns what stops telling. */
  whenOnline: (listener: () => void) => () => void;
}

const browser: () => Surroundings = () => ({
  EventSource,
  fetchJob,
  whenOnline: (listener) => {
    window.addEventListener('online', listener);
    return () => {
      window.removeEventListener('online', listener);
    };
  },
});

/**
 * Follows a run by server-sent events until its result is there. A lost
 * connection is taken up again, by the browser or by us, for about a minute and
 * at once when the browser comes online; the job itself is asked for, too, for
 * a proxy may pass no streams. Then the person decides. Returns a function that
 * stops following.
 */
export function followRun(
  id: string,
  handlers: FollowHandlers,
  surroundings: Surroundings = browser(),
): () => void {
  let failures = 0;
  let rounds = 0;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource;

  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    source.close();
    forgetOnline();
  };

  const giveUp = (problem: Problem) => {
    stop();
    handlers.onGivenUp(problem);
  };

  const open = () => {
    source = new surroundings.EventSource(eventsUrl(id));
    source.addEventListener('status', (event: MessageEvent<string>) => {
      failures = rounds = 0;
      handlers.onStatus((JSON.parse(event.data) as { status: Status }).status);
    });
    source.addEventListener('result', (event: MessageEvent<string>) => {
      stop();
      handlers.onResult(JSON.parse(event.data) as Job);
    });
    source.onerror = () => {
      if (stopped) return;
      handlers.onConnectionLost();
      failures++;
      const delay = RETRY_DELAYS_MS[failures - 1];
      if (delay === undefined) {
        source.close();
        void ask();
      } else if (source.readyState === surroundings.EventSource.CLOSED) {
        timer = setTimeout(open, delay);
      }
    };
  };

  const ask = async () => {
    let problem: Problem = lostTrack;
    try {
      const job = await surroundings.fetchJob(id);
      if (stopped) return;
      if (isFinished(job.status.id)) {
        stop();
        handlers.onResult(job);
        return;
      }
    } catch (error) {
      if (stopped) return;
      problem = error instanceof ProblemError ? error.problem : noConnection;
      // What is refused now is refused in a minute, too.
      if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) {
        giveUp(problem);
        return;
      }
    }
    if (++rounds >= ROUNDS) giveUp(problem);
    else timer = setTimeout(open, ROUND_DELAY_MS);
  };

  const forgetOnline = surroundings.whenOnline(() => {
    if (failures === 0) return;
    clearTimeout(timer);
    source.close();
    open();
  });

  open();
  return stop;
}
