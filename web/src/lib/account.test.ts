import { describe, expect, it } from 'vitest';
import { keyState, lastDays, scaleEnd, type ApiKey, type Usage } from './account';

it('tells keys that work from those that don’t', () => {
  const now = new Date('2026-03-02T12:00:00Z');
  const key = { expiresAt: null, revokedAt: null } as ApiKey;
  expect(keyState(key, now)).toBe('works');
  expect(keyState({ ...key, expiresAt: '2026-03-02T12:00:01Z' }, now)).toBe('works');
  expect(keyState({ ...key, expiresAt: '2026-03-02T12:00:00Z' }, now)).toBe('expired');
  expect(keyState({ ...key, revokedAt: '2026-03-01T00:00:00Z' }, now)).toBe('revoked');
});

it('fills the days on which nothing ran', () => {
  const ran = { day: '2026-02-28', submissions: 2, finished: 2, cpuSeconds: 1 };
  const usage = { today: { ...ran, day: '2026-03-01' }, days: [ran] } as unknown as Usage;
  expect(lastDays(usage, 3).map(({ day, submissions }) => [day, submissions])).toEqual([
    ['2026-02-27', 0],
    ['2026-02-28', 2],
    ['2026-03-01', 0],
  ]);
});

describe('scaleEnd', () => {
  it.each([
    [0, 1],
    [1, 1],
    [4, 5],
    [5.1, 10],
    [11, 20],
    [0.04, 0.05],
    [999, 1000],
  ])('of %d is %d', (largest, end) => {
    expect(scaleEnd(largest)).toBeCloseTo(end);
  });
});
