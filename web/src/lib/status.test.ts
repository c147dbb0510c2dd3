import { describe, expect, it } from 'vitest';
import { didRun, explain } from './explain';
import { isFinished, toneOf } from './status';

const finished = (id: number, exitCode: number | null = null) => ({
  status: { id, description: `Status ${id}` },
  exitCode,
});

describe('explain', () => {
  it('has a sentence of its own for each finished status', () => {
    const sentences = Array.from({ length: 12 }, (_, i) => explain(finished(i + 3)));
    expect(new Set(sentences).size).toBe(12);
    for (const sentence of sentences) expect(sentence).toMatch(/^(The|Something) .+\.$/);
    expect(sentences.join()).not.toContain('Status');
  });

  it('names the exit code of a program that failed', () => {
    expect(explain(finished(11, 3))).toContain('exit code 3');
    expect(explain(finished(11))).not.toContain('exit code');
  });

  it('falls back to the description of a status it does not know', () => {
    expect(explain(finished(99))).toBe('The run ended: Status 99.');
  });
});

describe('isFinished', () => {
  it('is false for In Queue and Processing only', () => {
    expect([1, 2, 3, 6, 14].map(isFinished)).toEqual([false, false, true, true, true]);
  });
});

describe('toneOf', () => {
  it('gives each kind of end its colour', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 13].map(toneOf)).toEqual([
      'busy',
      'busy',
      'good',
      'warning',
      'warning',
      'bad',
      'bad',
      'bad',
    ]);
  });
});

describe('didRun', () => {
  it('does not blame silence on a program that never started', () => {
    expect([3, 5, 11, 6, 13, 14, 2].map(didRun)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
