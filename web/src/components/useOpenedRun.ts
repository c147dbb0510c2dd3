import { useEffect, useState } from 'react';
import type { Language } from '@/lib/api';
import type { Opened } from '@/lib/openRun';
import { noConnection, ProblemError, type Problem } from '@/lib/problem';

export type OpenedRun =
  | { phase: 'none' }
  | { phase: 'loading' }
  | { phase: 'ready'; opened: Opened }
  | { phase: 'failed'; problem: Problem };

/** Whether the address asks for a run of before; what reads it is loaded only then. */
export function asksForRun(): boolean {
  return /[?&](run|shared)=/.test(location.search);
}

/** The run that the address of the page asks for, once the languages are known. */
export function useOpenedRun(languages: Language[]): [OpenedRun, () => void] {
  const [state, setState] = useState<OpenedRun>(() =>
    asksForRun() ? { phase: 'loading' } : { phase: 'none' },
  );
  const wait = state.phase !== 'loading' || languages.length === 0;

  useEffect(() => {
    if (wait) return;
    let gone = false;
    const open = async () => {
      const { fetchWanted, wantedBy } = await import('@/lib/openRun');
      const wanted = wantedBy(location.search);
      return wanted && fetchWanted(wanted, languages);
    };
    open().then(
      (opened) => {
        if (!gone) setState(opened ? { phase: 'ready', opened } : { phase: 'none' });
      },
      (error: unknown) => {
        const problem = error instanceof ProblemError ? error.problem : noConnection;
        if (!gone) setState({ phase: 'failed', problem });
      },
    );
    return () => {
      gone = true;
    };
  }, [wait, languages]);

  const done = () => {
    // A reload must not ask again for what was opened or refused.
    history.replaceState(history.state, '', location.pathname);
    setState({ phase: 'none' });
  };
  return [state, done];
}
