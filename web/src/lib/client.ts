import type { Job, Language, RunRequest } from './api';
import { post, request } from './request';

const HIDDEN = new Set(['executable']); // it takes a file that nobody writes here

export async function fetchLanguages(): Promise<Language[]> {
  const { languages } = await request<{ languages: Language[] }>('/api/languages');
  return languages
    .filter((language) => !HIDDEN.has(language.key))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { sensitivity: 'base' }));
}

export async function startRun(program: RunRequest): Promise<string> {
  const { jobId } = await post<{ jobId: string }>('/api/run', program);
  return jobId;
}

export function fetchJob(id: string): Promise<Job> {
  return request<Job>(`/api/runs/${encodeURIComponent(id)}`);
}

export function eventsUrl(id: string): string {
  return `/api/runs/${encodeURIComponent(id)}/events`;
}
