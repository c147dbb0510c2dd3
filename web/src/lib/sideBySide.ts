import { diffArrays } from 'diff';

export interface Side {
  number: number;
  text: string;
}

/** A row of two texts beside each other; a line that only one of them has faces nothing. */
export interface Row {
  same: boolean;
  left: Side | null;
  right: Side | null;
}

/** Equal rows that are folded away. */
export interface Fold {
  folded: Row[];
}

/** Beyond this the pieces have little in common, and looking for it would take long. */
const MAX_EDITS = 500;

const lines = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

/** Puts two texts beside each other line by line. Null: they are too different to say where. */
export function sideBySide(left: string, right: string): Row[] | null {
  const [a, b] = [lines(left), lines(right)];
  const changes = diffArrays(a, b, { maxEditLength: MAX_EDITS });
  if (!changes) return null;

  const rows: Row[] = [];
  let [i, j] = [0, 0];
  for (let at = 0; at < changes.length; at++) {
    const change = changes[at];
    if (!change) continue;
    if (!change.added && !change.removed) {
      for (const text of change.value)
        rows.push({ same: true, left: { number: ++i, text }, right: { number: ++j, text } });
      continue;
    }
    // What was taken out and what was put in at the same place face each other.
    const next = changes[at + 1];
    const pair = next && next.added !== change.added && (next.added || next.removed) ? next : null;
    if (pair) at++;
    const gone = change.removed ? change.value : (pair?.value ?? []);
    const come = change.added ? change.value : (pair?.value ?? []);
    for (let n = 0; n < Math.max(gone.length, come.length); n++) {
      const [out, put] = [gone[n], come[n]];
      rows.push({
        same: false,
        left: out === undefined ? null : { number: ++i, text: out },
        right: put === undefined ? null : { number: ++j, text: put },
      });
    }
  }
  return rows;
}

const CONTEXT = 3;
const SHORTEST_FOLD = 4;

/** Folds away equal rows that are far from any difference. */
export function foldEqual(rows: Row[]): (Row | Fold)[] {
  const near = rows.map(() => false);
  rows.forEach((row, at) => {
    if (row.same) return;
    const last = Math.min(rows.length - 1, at + CONTEXT);
    for (let n = Math.max(0, at - CONTEXT); n <= last; n++) near[n] = true;
  });
  const shown: (Row | Fold)[] = [];
  for (let at = 0; at < rows.length;) {
    let end = at;
    while (end < rows.length && !near[end]) end++;
    const far = rows.slice(at, end);
    if (far.length >= SHORTEST_FOLD) shown.push({ folded: far });
    else shown.push(...far);
    const row = rows[end];
    if (row) shown.push(row);
    at = end + 1;
  }
  return shown;
}
