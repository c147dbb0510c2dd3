import { describe, expect, it } from 'vitest';
import {
  diagnosticsFor,
  KEPT_RUNS,
  noRuns,
  otherThan,
  reduceRuns,
  shownRun,
  type RunsAction,
} from './runs';

const begin = (number: number, own = true): RunsAction => ({
  type: 'begin',
  run: { number, language: 'c', label: 'C', expected: null, own },
  at: 1,
});
const end = (number: number): RunsAction => ({
  type: 'run',
  number,
  action: { type: 'result', job: { jobId: `job ${number}` } as never },
});
const after = (...actions: RunsAction[]) => actions.reduce(reduceRuns, noRuns);

describe('the runs of a page', () => {
  it('shows the newest, and others on demand', () => {
    expect(shownRun(after())).toBeNull();
    expect(shownRun(after(begin(1), begin(2)))?.number).toBe(2);
    expect(shownRun(after(begin(1), begin(2), { type: 'show', number: 1 }))?.number).toBe(1);
  });

  it('changes one run and leaves the others', () => {
    const { list } = after(begin(1), begin(2), end(1));
    expect(list.map(({ state }) => state.phase)).toEqual(['finished', 'running']);
  });

  it('drops the oldest that has ended', () => {
    const many = Array.from({ length: KEPT_RUNS }, (_, n) => begin(n + 1));
    const numbers = after(...many, end(2), begin(KEPT_RUNS + 1)).list.map(({ number }) => number);
    expect(numbers).toHaveLength(KEPT_RUNS);
    expect(numbers).not.toContain(2);
    expect(numbers).toContain(1);
  });

  it('shows a neighbour of what is removed', () => {
    const runs = after(begin(1), begin(2), begin(3), { type: 'remove', number: 3 });
    expect(runs.shown).toBe(2);
    expect(after(begin(1), { type: 'remove', number: 1 }).shown).toBeNull();
  });
});

it('finds the run that another is compared with', () => {
  const runs = after(
    begin(1),
    begin(2),
    begin(3, false),
    begin(4),
    begin(5),
    end(2),
    end(3),
    end(5),
  );
  const other = (number: number) => {
    const run = runs.list.find((each) => each.number === number);
    return run && otherThan(run, runs)?.number;
  };
  expect(other(5)).toBe(2); // 4 has not ended, 3 is somebody else's
  expect(other(2)).toBe(5);
  expect(otherThan(runs.list[0] as never, after(begin(1)))).toBeNull();
});

it('finds what was said of a file', () => {
  const at = (file: string | undefined, line: number) => ({
    ...(file !== undefined && { file }),
    line,
    severity: 'error' as const,
    message: 'm',
  });
  const all = [at('main.c', 1), at('./main.c', 2), at(undefined, 3), at('x.h', 4), at('main.c', 0)];
  expect(diagnosticsFor(all, 'main.c', 'main.c').map(({ line }) => line)).toEqual([1, 2, 3]);
  expect(diagnosticsFor(undefined, 'main.c', 'main.c')).toEqual([]);
});
