import { useCallback, useEffect, useReducer, useRef } from 'react';
import type { RunRequest } from '@/lib/api';
import { startRun } from '@/lib/client';
import { followRun } from '@/lib/follow';
import { noConnection, ProblemError, type Problem } from '@/lib/problem';
import { reduceRun, type RunState } from '@/lib/runState';

interface Run {
  state: RunState;
  start: (request: RunRequest) => void;
  followAgain: (jobId: string) => void;
  leave: () => void;
}

export function useRun(): Run {
  const [state, dispatch] = useReducer(reduceRun, { phase: 'idle' });
  // What ends the present attempt; a new one ends the one before it.
  const end = useRef<() => void>(() => undefined);

  useEffect(
    () => () => {
      end.current();
    },
    [],
  );

  const follow = useCallback((jobId: string) => {
    end.current = followRun(jobId, {
      onStatus: (status) => {
        dispatch({ type: 'status', status });
      },
      onResult: (job) => {
        dispatch({ type: 'result', job });
      },
      onConnectionLost: () => {
        dispatch({ type: 'connection lost' });
      },
      onGivenUp: (problem: Problem) => {
        dispatch({ type: 'failed', problem });
      },
    });
  }, []);

  const start = useCallback(
    (request: RunRequest) => {
      let ended = false;
      end.current();
      end.current = () => {
        ended = true;
      };
      dispatch({ type: 'sent', at: performance.now() });
      startRun(request).then(
        (jobId) => {
          if (ended) return;
          dispatch({ type: 'accepted', jobId });
          follow(jobId);
        },
        (error: unknown) => {
          if (ended) return;
          const problem = error instanceof ProblemError ? error.problem : noConnection;
          dispatch({ type: 'failed', problem });
        },
      );
    },
    [follow],
  );

  const followAgain = useCallback(
    (jobId: string) => {
      end.current();
      dispatch({ type: 'followed again', jobId, at: performance.now() });
      follow(jobId);
    },
    [follow],
  );

  const leave = useCallback(() => {
    end.current();
    dispatch({ type: 'left' });
  }, []);

  return { state, start, followAgain, leave };
}
