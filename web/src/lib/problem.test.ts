import { describe, expect, it } from 'vitest';
import { toProblem } from './problem';

describe('toProblem', () => {
  it('shows what the gateway said as it said it', () => {
    const body = {
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      detail: 'No such key.',
    };
    expect(toProblem(401, body)).toEqual({
      status: 401,
      title: 'Unauthorized',
      detail: 'No such key.',
      fields: [],
    });
  });

  it('lists the fields that were refused', () => {
    const body = {
      title: 'Invalid',
      detail: 'No.',
      errors: { code: ['is blank', 'is odd'], x: 1 },
    };
    expect(toProblem(422, body).fields).toEqual(['code: is blank', 'code: is odd']);
  });

  it('does not head it with the jargon of HTTP', () => {
    const away = toProblem(502, { title: 'Bad Gateway', detail: 'It may be down.' });
    expect(away).toMatchObject({ title: 'Sandgate does not answer', detail: 'It may be down.' });
  });

  it('says when to try again', () => {
    const full = toProblem(503, { detail: 'Full.' }, '5');
    expect(full.detail).toBe('Full. Try again in 5 seconds.');
    expect(full.retry).toEqual({ after: 5, reason: 'Full.' });
    expect(toProblem(429, { detail: 'Slow.' }, '1').detail).toBe('Slow. Try again in 1 second.');
    const date = 'Wed, 21 Oct 2026 07:28:00 GMT';
    expect(toProblem(503, { detail: 'Full.' }, date)).toMatchObject({ detail: 'Full.' });
  });

  it.each([null, 'oops', [], {}, { detail: ' ' }, { detail: 7 }])(
    'has words for a body like %j',
    (body) => {
      const problem = toProblem(500, body);
      expect(problem.title).toBe('Something went wrong');
      expect(problem.detail).toBe('The server answered with an error (HTTP 500).');
    },
  );
});
