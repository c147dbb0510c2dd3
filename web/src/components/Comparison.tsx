import { useMemo, useState } from 'react';
import { diffLines, type DiffLine } from '@/lib/diff';
import { ShowEverything } from './ShowEverything';

const SHOWN_LINES = 1500;
const words = { same: '', missing: 'missing', extra: 'unexpected' } as const;
const signs = { same: ' ', missing: '−', extra: '+' } as const;

/** Expected and printed, line by line. */
export function Comparison({ expected, actual }: { expected: string; actual: string }) {
  const lines = useMemo(() => diffLines(expected, actual), [expected, actual]);
  const [whole, setWhole] = useState(false);
  const missing = lines.filter(({ kind }) => kind === 'missing').length;
  const extra = lines.filter(({ kind }) => kind === 'extra').length;
  const shown = whole ? lines : lines.slice(0, SHOWN_LINES);

  return (
    <section className="output comparison" aria-label="Comparison with the expected output">
      <p className="comparison-sum">
        {missing + extra === 0
          ? 'Every line is as expected.'
          : `${inLines(missing)} of the expected output missing, ${inLines(extra)} unexpected.`}
      </p>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the arrow keys scroll it */}
      <div className="diff" tabIndex={0} role="group" aria-label="Line by line">
        {shown.map((line, index) => (
          <DiffRow key={index} line={line} />
        ))}
      </div>
      {shown.length < lines.length && (
        <ShowEverything
          onClick={() => {
            setWhole(true);
          }}
        >
          The first {SHOWN_LINES} lines of {lines.length}.
        </ShowEverything>
      )}
    </section>
  );
}

function DiffRow({ line }: { line: DiffLine }) {
  return (
    <div className="diff-line" data-kind={line.kind}>
      <span className="diff-number" aria-hidden="true">
        {line.expected}
      </span>
      <span className="diff-number" aria-hidden="true">
        {line.actual}
      </span>
      <span className="diff-sign" aria-hidden="true">
        {signs[line.kind]}
      </span>
      {line.kind !== 'same' && <span className="visually-hidden">{words[line.kind]}: </span>}
      <span className="diff-text">{visible(line.text)}</span>
    </div>
  );
}

/** What makes lines differ must be seen: control characters by the signs that stand for them. */
function visible(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f]/g, (character) =>
    String.fromCharCode(0x2400 + character.charCodeAt(0)),
  );
}

function inLines(count: number): string {
  return count === 1 ? '1 line' : `${count.toLocaleString('en')} lines`;
}
