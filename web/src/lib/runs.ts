import type { Diagnostic, Job } from './api';
import { reduceRun, sent, type RunAction, type RunState } from './runState';

/** One run of this page, with what was asked for. */
export interface Run {
  /** Counts from 1 on this page. */
  number: number;
  language: string;
  label: string;
  expected: string | null;
  /** The visitor's own: not one that somebody shared with them. */
  own: boolean;
  state: RunState;
}

export interface Runs {
  list: Run[];
  /** The number of the run that is shown. */
  shown: number | null;
}

export type RunsAction =
  | { type: 'begin'; run: Omit<Run, 'state'>; at: number; state?: RunState }
  | { type: 'run'; number: number; action: RunAction }
  | { type: 'show'; number: number }
  | { type: 'remove'; number: number };

/** How many runs are kept; those that are waited for are never dropped. */
export const KEPT_RUNS = 8;

export const noRuns: Runs = { list: [], shown: null };

export function reduceRuns(runs: Runs, action: RunsAction): Runs {
  switch (action.type) {
    case 'begin': {
      const state = action.state ?? sent(action.at);
      const list = [...runs.list, { ...action.run, state }];
      return { list: bounded(list), shown: action.run.number };
    }
    case 'run':
      return {
        ...runs,
        list: runs.list.map((run) =>
          run.number === action.number
            ? { ...run, state: reduceRun(run.state, action.action) }
            : run,
        ),
      };
    case 'show':
      return { ...runs, shown: action.number };
    case 'remove': {
      const at = runs.list.findIndex((run) => run.number === action.number);
      const list = runs.list.filter((run) => run.number !== action.number);
      const neighbour = list[Math.min(at, list.length - 1)]?.number ?? null;
      return { ...runs, list, shown: runs.shown === action.number ? neighbour : runs.shown };
    }
  }
}

function bounded(list: Run[]): Run[] {
  const over = list.length - KEPT_RUNS;
  if (over <= 0) return list;
  const old = list.filter(({ state }) => state.phase !== 'running').slice(0, over);
  return list.filter((run) => !old.includes(run));
}

export function shownRun(runs: Runs): Run | null {
  return runs.list.find(({ number }) => number === runs.shown) ?? null;
}

/** The visitor's own run that ended last before this one, or else after it: what it is compared with. */
export function otherThan(run: Run, { list }: Runs): { number: number; jobId: string } | null {
  const ended = list.flatMap(({ own, number, state }) =>
    own && number !== run.number && state.phase === 'finished'
      ? [{ number, jobId: state.job.jobId }]
      : [],
  );
  return ended.findLast(({ number }) => number < run.number) ?? ended[0] ?? null;
}

const known = new WeakMap<Job, Map<string, Diagnostic[]>>();
const noProblems: Diagnostic[] = [];

/** The same list each time it is asked for, so that it is shown once and then moves with the text. */
export function problemsIn(job: Job | null, file: string, source: string): Diagnostic[] {
  if (!job?.diagnostics?.length) return noProblems;
  const byFile = known.get(job) ?? new Map<string, Diagnostic[]>();
  known.set(job, byFile);
  const found = byFile.get(file) ?? diagnosticsFor(job.diagnostics, file, source);
  byFile.set(file, found);
  return found;
}

/** What a run says of a file; `source` is the name of what was sent without one. */
export function diagnosticsFor(
  diagnostics: Diagnostic[] | undefined,
  file: string,
  source: string,
): Diagnostic[] {
  return (diagnostics ?? []).filter(
    (diagnostic) =>
      (diagnostic.file ?? source).replace(/^\.\//, '') === file && diagnostic.line > 0,
  );
}
