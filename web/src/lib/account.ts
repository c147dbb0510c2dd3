import { post, remove, request } from './request';

export interface ApiKey {
  id: string;
  prefix: string;
  name: string;
  scopes: string[];
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
}

/** A key as it is shown once, when it is made. */
export interface NewApiKey extends ApiKey {
  secret: string;
}

export interface UsageDay {
  day: string;
  submissions: number;
  finished: number;
  cpuSeconds: number;
}

export interface Usage {
  /** What is not bounded is null. */
  limits: {
    dailySubmissions: number | null;
    dailyCpuSeconds: number | null;
    rate: number | null;
    burst: number | null;
  };
  today: UsageDay;
  days: UsageDay[];
}

export const scopes = {
  submit: 'Run programs',
  read: 'Read runs and their results',
  delete: 'Delete runs',
} as const;
export type Scope = keyof typeof scopes;

export interface KeyDraft {
  name: string;
  scopes: Scope[];
  /** 0: never. */
  days: number;
}

export function fetchKeys(signal: AbortSignal): Promise<ApiKey[]> {
  return request<{ keys: ApiKey[] }>('/api/keys', { signal }).then(({ keys }) => keys);
}

export function makeKey(draft: KeyDraft, now: Date): Promise<NewApiKey> {
  const expiresAt =
    draft.days > 0 ? new Date(now.getTime() + draft.days * 86_400_000).toISOString() : null;
  return post('/api/keys', { name: draft.name, scopes: draft.scopes, expiresAt });
}

const path = (id: string) => `/api/keys/${encodeURIComponent(id)}`;

export const rotateKey = (id: string, overlapSeconds: number) =>
  post<NewApiKey>(`${path(id)}/rotate`, { overlapSeconds });
export const revokeKey = (id: string) => remove(path(id));
export const fetchUsage = (signal: AbortSignal) => request<Usage>('/api/usage', { signal });

export type KeyState = 'works' | 'expired' | 'revoked';

export function keyState(key: ApiKey, now: Date): KeyState {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && new Date(key.expiresAt) <= now ? 'expired' : 'works';
}

/** The last days up to today, with zeros where nothing was used: what a chart shows. */
export function lastDays(usage: Usage, count: number): UsageDay[] {
  const known = new Map(usage.days.map((day) => [day.day, day]));
  const today = Date.parse(`${usage.today.day}T00:00:00Z`);
  return Array.from({ length: count }, (_, at) => {
    const day = new Date(today - (count - 1 - at) * 86_400_000).toISOString().slice(0, 10);
    return known.get(day) ?? { day, submissions: 0, finished: 0, cpuSeconds: 0 };
  });
}

/** The next number of the kind 1, 2, 5, 10, …: where a chart's scale ends. */
export function scaleEnd(largest: number): number {
  if (largest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= largest * (1 - 1e-9)) ?? 10;
  return step * power;
}
