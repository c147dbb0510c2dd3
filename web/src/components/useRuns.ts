import { useCallback, useEffect, useReducer, useRef } from 'react';
import type { Job, RunRequest } from '@/lib/api';
import { startRun } from '@/lib/client';
import type { FollowHandlers } from '@/lib/follow';
import { noConnection, ProblemError } from '@/lib/problem';
import { noRuns, reduceRuns, type Run, type Runs } from '@/lib/runs';
import type { RunAction } from '@/lib/runState';

const loadFollow = () => import('@/lib/follow');

type About = Pick<Run, 'language' | 'label' | 'expected' | 'own'>;

interface Handle {
  runs: Runs;
  start: (request: Promise<RunRequest>, about: About) => void;
  /** Takes a run in that has ended already. */
  add: (job: Job, about: About) => void;
  show: (number: number) => void;
  followAgain: (number: number, jobId: string) => void;
  /** Stops waiting for a run, which goes on. */
  leave: (number: number) => void;
  remove: (number: number) => void;
}

/** The runs of this page, each followed to its end whichever is shown. */
export function useRuns(): Handle {
  const [runs, dispatch] = useReducer(reduceRuns, noRuns);
  const next = useRef(1);
  // What ends the following of each run that is followed.
  const ends = useRef(new Map<number, () => void>());

  useEffect(() => {
    const followed = ends.current;
    return () => {
      followed.forEach((end) => {
        end();
      });
      followed.clear();
    };
  }, []);

  const end = useCallback((number: number) => {
    ends.current.get(number)?.();
    ends.current.delete(number);
  }, []);

  const follow = useCallback((number: number, jobId: string) => {
    const tell = (action: RunAction) => {
      dispatch({ type: 'run', number, action });
    };
    let ended = false;
    ends.current.set(number, () => {
      ended = true;
    });
    const handlers: FollowHandlers = {
      onStatus: (status) => {
        tell({ type: 'status', status });
      },
      onResult: (job) => {
        ends.current.delete(number);
        tell({ type: 'result', job });
      },
      onConnectionLost: () => {
        tell({ type: 'connection lost' });
      },
      onGivenUp: (problem) => {
        ends.current.delete(number);
        tell({ type: 'failed', problem });
      },
    };
    loadFollow().then(
      ({ followRun }) => {
        if (!ended) ends.current.set(number, followRun(jobId, handlers));
      },
      () => {
        if (!ended) handlers.onGivenUp(noConnection);
      },
    );
  }, []);

  const start = useCallback(
    (request: Promise<RunRequest>, about: About) => {
      const number = next.current++;
      let ended = false;
      ends.current.set(number, () => {
        ended = true;
      });
      dispatch({ type: 'begin', run: { ...about, number }, at: performance.now() });
      // All that the run takes is here before anything is sent.
      Promise.all([request, loadFollow()])
        .then(([ready]) => startRun(ready))
        .then(
          (jobId) => {
            if (ended) return;
            dispatch({ type: 'run', number, action: { type: 'accepted', jobId } });
            follow(number, jobId);
          },
          (error: unknown) => {
            if (ended) return;
            const problem = error instanceof ProblemError ? error.problem : noConnection;
            dispatch({ type: 'run', number, action: { type: 'failed', problem } });
          },
        );
    },
    [follow],
  );

  const add = useCallback((job: Job, about: About) => {
    const number = next.current++;
    dispatch({
      type: 'begin',
      run: { ...about, number },
      at: 0,
      state: { phase: 'finished', job },
    });
  }, []);

  const show = useCallback((number: number) => {
    dispatch({ type: 'show', number });
  }, []);

  const followAgain = useCallback(
    (number: number, jobId: string) => {
      end(number);
      dispatch({
        type: 'run',
        number,
        action: { type: 'followed again', jobId, at: performance.now() },
      });
      follow(number, jobId);
    },
    [end, follow],
  );

  const leave = useCallback(
    (number: number) => {
      end(number);
      dispatch({ type: 'run', number, action: { type: 'left' } });
    },
    [end],
  );

  const remove = useCallback(
    (number: number) => {
      end(number);
      dispatch({ type: 'remove', number });
    },
    [end],
  );

  return { runs, start, add, show, followAgain, leave, remove };
}
