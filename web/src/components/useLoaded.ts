import { useCallback, useEffect, useState } from 'react';
import type { Problem } from '@/lib/problem';
import { problemOf } from '@/lib/request';

export type Loaded<T> =
  { phase: 'loading' } | { phase: 'ready'; value: T } | { phase: 'failed'; problem: Problem };

/** Loads something when it is first shown, and again when asked. `load` must be stable. */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>) {
  const [state, setState] = useState<Loaded<T>>({ phase: 'loading' });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    load(stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) setState({ phase: 'ready', value });
      },
      (error: unknown) => {
        if (!stop.signal.aborted) setState({ phase: 'failed', problem: problemOf(error) });
      },
    );
    return () => {
      stop.abort();
    };
  }, [load, attempt]);

  /** Shows the furniture again while it loads. */
  const retry = useCallback(() => {
    setState({ phase: 'loading' });
    setAttempt((before) => before + 1);
  }, []);
  /** Leaves what is there until there is something new. */
  const refresh = useCallback(() => {
    setAttempt((before) => before + 1);
  }, []);
  return { state, retry, refresh };
}
