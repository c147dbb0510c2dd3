/** Something that went wrong, in words for the person in front of the page. */
export interface Problem {
  /** HTTP status; 0 when there was no answer at all. */
  status: number;
  title: string;
  detail: string;
  /** One sentence each, for request fields the gateway refused. */
  fields: string[];
  /** Where the server told when to try again: in how many seconds, and its words without that. */
  retry?: { after: number; reason: string };
}

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

export const noConnection: Problem = {
  status: 0,
  title: 'No connection',
  detail: 'This page cannot reach its server. Check your connection, then try again.',
  fields: [],
};

export const lostTrack: Problem = {
  status: 0,
  title: 'Connection lost',
  detail:
    'The connection was lost while the program was running and did not come back. The result is kept: look for it again once you are online.',
  fields: [],
};

/** HTTP's own titles say little to whoever just wanted to run a program. */
const titles: Record<number, string> = {
  400: 'This was not understood',
  413: 'That is too large',
  422: 'Something in it is not accepted',
  429: 'Too many requests for now',
  500: 'Something went wrong',
  502: 'Sandgate does not answer',
  503: 'Sandgate is busy right now',
  504: 'Sandgate does not answer',
};

/** Reads a problem+json body; fills in what a body of another kind leaves out. */
export function toProblem(
  status: number,
  body: unknown,
  retryAfter: string | null = null,
): Problem {
  const said = isRecord(body) ? body : {};
  const title = titles[status] ?? text(said.title) ?? 'Something went wrong';
  const detail = text(said.detail) ?? `The server answered with an error (HTTP ${status}).`;
  const seconds = retryAfter === null ? NaN : Number(retryAfter);
  const told = Number.isInteger(seconds) && seconds > 0;
  return {
    status,
    title,
    detail: told
      ? `${detail} Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`
      : detail,
    fields: fieldErrors(said.errors),
    ...(told && { retry: { after: seconds, reason: detail } }),
  };
}

function fieldErrors(errors: unknown): string[] {
  if (!isRecord(errors)) return [];
  return Object.entries(errors).flatMap(([field, messages]) =>
    (Array.isArray(messages) ? messages : [messages])
      .filter((message): message is string => typeof message === 'string')
      .map((message) => `${field}: ${message}`),
  );
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
