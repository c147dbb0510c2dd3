import { stripAnsi } from './ansi';
import type { Job } from './api';
import { post, remove, request } from './request';

/** A run as the history lists it. */
export interface PastRun extends Job {
  language: { id: number; name: string };
  createdAt: string;
  finishedAt: string | null;
}

export interface Program {
  code: string | null;
  stdin: string | null;
  expectedOutput: string | null;
  arguments: string | null;
  compilerOptions: string | null;
  /** Base64 of a zip. */
  additionalFiles: string | null;
}

/** A run with the program that it ran. */
export interface WholeRun extends PastRun {
  program: Program;
}

export interface HistoryPage {
  submissions: PastRun[];
  next: string | null;
}

export const outcomes = {
  accepted: { label: 'Ran to the end', statuses: [3] },
  wrong: { label: 'Wrong answer', statuses: [4] },
  limit: { label: 'Took too long', statuses: [5] },
  compile: { label: 'Did not compile', statuses: [6] },
  failed: { label: 'Ended with an error', statuses: [7, 8, 9, 10, 11, 12, 13, 14] },
  busy: { label: 'Not finished', statuses: [1, 2] },
} as const;
export type Outcome = keyof typeof outcomes;

export const periods = {
  day: { label: 'The last 24 hours', hours: 24 },
  week: { label: 'The last 7 days', hours: 7 * 24 },
  month: { label: 'The last 30 days', hours: 30 * 24 },
} as const;
export type Period = keyof typeof periods;

export interface HistoryFilter {
  language: string;
  outcome: Outcome | '';
  period: Period | '';
}

export const everything: HistoryFilter = { language: '', outcome: '', period: '' };

/** Reads a filter from the page's address, whatever somebody wrote there. */
export function parseFilter(query: Record<string, string | string[] | undefined>): HistoryFilter {
  const one = (name: string) => (typeof query[name] === 'string' ? query[name] : '');
  const outcome = one('outcome');
  const period = one('period');
  return {
    language: /^[\w+#.-]{1,40}$/.test(one('language')) ? one('language') : '',
    outcome: Object.hasOwn(outcomes, outcome) ? (outcome as Outcome) : '',
    period: Object.hasOwn(periods, period) ? (period as Period) : '',
  };
}

/** The same filter in the page's address. */
export function filterQuery(filter: HistoryFilter): string {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ''));
  return query.size > 0 ? `?${query.toString()}` : '';
}

/** And as the server is asked. */
export function historyUrl(filter: HistoryFilter, cursor: string | null, now: Date): string {
  const query = new URLSearchParams();
  if (filter.language) query.set('language', filter.language);
  if (filter.outcome) query.set('status', outcomes[filter.outcome].statuses.join(','));
  if (filter.period) {
    const since = new Date(now.getTime() - periods[filter.period].hours * 3_600_000);
    query.set('since', since.toISOString());
  }
  if (cursor !== null) query.set('cursor', cursor);
  return query.size > 0 ? `/api/runs?${query.toString()}` : '/api/runs';
}

export function fetchHistory(
  filter: HistoryFilter,
  cursor: string | null,
  signal: AbortSignal,
): Promise<HistoryPage> {
  return request(historyUrl(filter, cursor, new Date()), { signal });
}

const path = (id: string) => `/api/runs/${encodeURIComponent(id)}`;

export const fetchWholeRun = (id: string, signal?: AbortSignal) =>
  request<WholeRun>(`${path(id)}?program=true`, signal ? { signal } : undefined);
export const fetchShared = (id: string) =>
  request<WholeRun>(`/api/shared/${encodeURIComponent(id)}`);
export const deleteRun = (id: string) => remove(path(id));
export const shareRun = (id: string) => post<{ id: string }>(`${path(id)}/share`);
export const unshareRun = (id: string) => remove(`${path(id)}/share`);

export interface Day<T> {
  label: string;
  runs: T[];
}

/** Groups runs, newest first, by the day they were sent on, as the person's calendar has it. */
export function byDay<T extends { createdAt: string }>(runs: T[], now: Date): Day<T>[] {
  const days: Day<T>[] = [];
  for (const run of runs) {
    const label = dayLabel(new Date(run.createdAt), now);
    const last = days.at(-1);
    if (last?.label === label) last.runs.push(run);
    else days.push({ label, runs: [run] });
  }
  return days;
}

function dayLabel(date: Date, now: Date): string {
  const midnight = (of: Date) => new Date(of.getFullYear(), of.getMonth(), of.getDate()).getTime();
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return date.toLocaleDateString('en', {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...(date.getFullYear() !== now.getFullYear() && { year: 'numeric' }),
  });
}

/** The first line that says something of what a run printed. */
export function firstLine(run: Pick<Job, 'output' | 'error' | 'compileOutput'>): string {
  const text = (run.error ?? '') || (run.output ?? '') || (run.compileOutput ?? '');
  for (const line of stripAnsi(text.slice(0, 2000)).split('\n')) {
    const said = line.trim();
    if (said !== '') return said.length > 160 ? `${said.slice(0, 160)}…` : said;
  }
  return '';
}
