import { describe, expect, it } from 'vitest';
import { byDay, everything, filterQuery, firstLine, historyUrl, parseFilter } from './history';

describe('filters', () => {
  it('come back from the address as they went in', () => {
    const filter = { language: 'c++', outcome: 'failed', period: 'week' } as const;
    expect(parseFilter(Object.fromEntries(new URLSearchParams(filterQuery(filter))))).toEqual(
      filter,
    );
    expect(filterQuery(everything)).toBe('');
  });

  it('forget what nobody could have chosen', () => {
    const query = { language: '<script>', outcome: 'toString', period: ['day', 'week'] };
    expect(parseFilter(query)).toEqual(everything);
  });

  it('ask the server in its own terms', () => {
    const now = new Date('2026-03-02T12:00:00Z');
    const url = historyUrl({ language: 'c', outcome: 'busy', period: 'day' }, 'abc', now);
    expect(decodeURIComponent(url)).toBe(
      '/api/runs?language=c&status=1,2&since=2026-03-01T12:00:00.000Z&cursor=abc',
    );
    expect(historyUrl(everything, null, now)).toBe('/api/runs');
  });
});

it('groups runs by the day they were sent on', () => {
  const now = new Date(2026, 2, 2, 0, 30);
  const at = (...when: [number, number, number, number]) => ({
    createdAt: new Date(...when).toISOString(),
  });
  const days = byDay(
    [at(2026, 2, 2, 0), at(2026, 2, 1, 23), at(2026, 2, 1, 1), at(2025, 11, 31, 5)],
    now,
  );
  expect(days.map(({ label, runs }) => [label, runs.length])).toEqual([
    ['Today', 1],
    ['Yesterday', 2],
    ['Wednesday, December 31, 2025', 1],
  ]);
});

it('shows the first line that says something', () => {
  const run = { output: '\n  \n  hello  \nmore', error: null, compileOutput: null };
  expect(firstLine(run)).toBe('hello');
  expect(firstLine({ ...run, output: '\x1b[31mred\x1b[0m\n' })).toBe('red');
  expect(firstLine({ ...run, error: 'it broke\n' })).toBe('it broke');
  expect(firstLine({ output: null, error: null, compileOutput: null })).toBe('');
  expect(firstLine({ ...run, output: 'x'.repeat(5000) })).toHaveLength(161);
});
