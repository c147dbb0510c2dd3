import { diffArrays } from 'diff';

export interface DiffLine {
  kind: 'same' | 'missing' | 'extra';
  text: string;
  /** Line numbers from 1, in the expected text and in the output. */
  expected: number | null;
  actual: number | null;
}

/** Lines as the judge compares them: what ends a line or the text in blanks does not count. */
function comparedLines(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trimEnd());
  while (lines.length > 0 && lines.at(-1) === '') lines.pop();
  return lines;
}

/** How many differences are looked for before the rest is told as replaced whole. */
const MAX_EDITS = 500;

/** What to take out of the expected text and to put in from the output, line by line. */
export function diffLines(expected: string, actual: string): DiffLine[] {
  const [a, b] = [comparedLines(expected), comparedLines(actual)];
  const changes = diffArrays(a, b, { maxEditLength: MAX_EDITS }) ?? [
    { removed: true, added: false, value: a },
    { removed: false, added: true, value: b },
  ];
  let [i, j] = [0, 0];
  return changes.flatMap(({ removed, added, value }) =>
    value.map((text): DiffLine => {
      if (removed) return { kind: 'missing', text, expected: ++i, actual: null };
      if (added) return { kind: 'extra', text, expected: null, actual: ++j };
      return { kind: 'same', text, expected: ++i, actual: ++j };
    }),
  );
}
