export interface DiffLine {
  kind: 'same' | 'missing' | 'extra';
  text: string;
  /** Line numbers from 1, in the expected text and in the output. */
  expected: number | null;
  actual: number | null;
}

/** Lines as the judge compares them: what ends a line or the text in blanks does not count. */
export function comparedLines(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trimEnd());
  while (lines.length > 0 && lines.at(-1) === '') lines.pop();
  return lines;
}

export function sameOutput(expected: string, actual: string): boolean {
  return comparedLines(expected).join('\n') === comparedLines(actual).join('\n');
}

/** How many differences are looked for before the rest is told as replaced whole. */
const MAX_EDITS = 400;

/**
 * The fewest lines to take out of the expected text and put in from the output (Myers' greedy
 * algorithm). Texts that have little in common end as one replacement: nobody reads more.
 */
export function diffLines(expected: string, actual: string): DiffLine[] {
  const a = comparedLines(expected);
  const b = comparedLines(actual);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (
    end < a.length - start &&
    end < b.length - start &&
    a[a.length - 1 - end] === b[b.length - 1 - end]
  )
    end++;

  const lines: DiffLine[] = [];
  const same = (i: number, j: number) =>
    lines.push({ kind: 'same', text: a[i] ?? '', expected: i + 1, actual: j + 1 });
  for (let i = 0; i < start; i++) same(i, i);
  const middle = edits(a.slice(start, a.length - end), b.slice(start, b.length - end));
  let i = start;
  let j = start;
  for (const kind of middle) {
    if (kind === 'same') same(i++, j++);
    else if (kind === 'missing')
      lines.push({ kind, text: a[i] ?? '', expected: ++i, actual: null });
    else lines.push({ kind, text: b[j] ?? '', expected: null, actual: ++j });
  }
  for (let n = 0; n < end; n++) same(i++, j++);
  return lines;
}

function edits(a: string[], b: string[]): DiffLine['kind'][] {
  const whole = (): DiffLine['kind'][] => [
    ...a.map(() => 'missing' as const),
    ...b.map(() => 'extra' as const),
  ];
  const most = Math.min(a.length + b.length, MAX_EDITS);
  // furthest[k] is how far along a the path on diagonal k has come; trace keeps it for each step.
  const furthest = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= most; d++) {
    trace.push(new Map(furthest));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && at(furthest, k - 1) < at(furthest, k + 1));
      let x = down ? at(furthest, k + 1) : at(furthest, k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      furthest.set(k, x);
      if (x >= a.length && x - k >= b.length) return backtrack(trace, a.length, b.length);
    }
  }
  return whole();
}

function backtrack(trace: Map<number, number>[], x: number, y: number): DiffLine['kind'][] {
  const kinds: DiffLine['kind'][] = [];
  for (let d = trace.length - 1; d >= 0; d--) {
    const before = trace[d] ?? new Map<number, number>();
    const k = x - y;
    const down = k === -d || (k !== d && at(before, k - 1) < at(before, k + 1));
    const previousX = d === 0 ? 0 : at(before, down ? k + 1 : k - 1);
    const previousY = d === 0 ? 0 : previousX - (down ? k + 1 : k - 1);
    while (x > previousX && y > previousY) {
      kinds.push('same');
      x--;
      y--;
    }
    if (d === 0) break;
    kinds.push(down ? 'extra' : 'missing');
    x = previousX;
    y = previousY;
  }
  return kinds.reverse();
}

function at(furthest: Map<number, number>, k: number): number {
  return furthest.get(k) ?? -1;
}
