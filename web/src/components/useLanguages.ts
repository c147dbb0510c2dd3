import { useCallback, useEffect, useState } from 'react';
import type { Language } from '@/lib/api';
import { fetchLanguages } from '@/lib/client';
import { noConnection, ProblemError, type Problem } from '@/lib/problem';

export type LanguagesState =
  | { phase: 'loading' }
  | { phase: 'ready'; languages: Language[] }
  | { phase: 'failed'; problem: Problem };

export function useLanguages(): { state: LanguagesState; retry: () => void } {
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

  const retry = useCallback(() => {
    setState({ phase: 'loading' });
    void load();
  }, [load]);

  return { state, retry };
}
