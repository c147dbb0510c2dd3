import { useCallback, useEffect, useState } from 'react';
import type { Language } from '@/lib/api';
import { fetchLanguages } from '@/lib/client';
import { noConnection, ProblemError, type Problem } from '@/lib/problem';

export type LanguagesState =
  | { phase: 'loading' }
  | { phase: 'ready'; languages: Language[] }
  | { phase: 'failed'; problem: Problem };

const RETRY_EVERY_MS = 10_000;

const none: Language[] = [];

export function useLanguages(): {
  state: LanguagesState;
  languages: Language[];
  retry: () => void;
} {
  const [state, setState] = useState<LanguagesState>({ phase: 'loading' });

  const load = useCallback(async () => {
    try {
      setState({ phase: 'ready', languages: await fetchLanguages() });
    } catch (error) {
      const problem = error instanceof ProblemError ? error.problem : noConnection;
      setState({ phase: 'failed', problem });
    }
  }, []);

  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- it is set only after an answer
    void load();
  }, [load]);

  // A gateway that starts, or a connection that comes back, needs nobody to press a button.
  const failed = state.phase === 'failed';
  useEffect(() => {
    if (!failed) return;
    const again = () => {
      void load();
    };
    const timer = setInterval(again, RETRY_EVERY_MS);
    window.addEventListener('online', again);
    return () => {
      clearInterval(timer);
      window.removeEventListener('online', again);
    };
  }, [failed, load]);

  const retry = useCallback(() => {
    setState({ phase: 'loading' });
    void load();
  }, [load]);

  return { state, languages: state.phase === 'ready' ? state.languages : none, retry };
}
