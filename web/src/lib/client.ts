import type { Job, Language, RunRequest, WholeJob } from './api';
import { noConnection, ProblemError, toProblem } from './problem';

const HIDDEN = new Set(['executable']); // it takes a file that nobody writes here

export async function fetchLanguages(): Promise<Language[]> {
  const { languages } = await call<{ languages: Language[] }>('/api/languages');
  return languages
    .filter((language) => !HIDDEN.has(language.key))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { sensitivity: 'base' }));
}

export async function startRun(request: RunRequest): Promise<string> {
  const { jobId } = await call<{ jobId: string }>('/api/run', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(request),
  });
  return jobId;
}

export function fetchJob(id: string): Promise<Job> {
  return call<Job>(`/api/runs/${encodeURIComponent(id)}`);
}

export function fetchProgram(id: string): Promise<WholeJob> {
  return call<WholeJob>(`/api/runs/${encodeURIComponent(id)}?program=true`);
}

export function fetchShared(id: string): Promise<WholeJob> {
  return call<WholeJob>(`/api/shared/${encodeURIComponent(id)}`);
}

export function eventsUrl(id: string): string {
  return `/api/runs/${encodeURIComponent(id)}/events`;
}

async function call<T>(url: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch {
    throw new ProblemError(noConnection);
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    throw new ProblemError(toProblem(response.status, body, response.headers.get('retry-after')));
  }
  return body as T;
}
