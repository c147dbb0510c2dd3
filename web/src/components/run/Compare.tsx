'use client';

import { useCallback, useId, useMemo, useState } from 'react';
import { formatKilobytes, formatSeconds } from '@/lib/format';
import { fetchWholeRun, type WholeRun } from '@/lib/history';
import { foldEqual, sideBySide, type Row } from '@/lib/sideBySide';
import { toneOf } from '@/lib/status';
import { PageLink } from '../site/PageLink';
import { Message, ProblemMessage } from '../ui/Message';
import { useLoaded } from '../useLoaded';
import { LoadingReport } from './LoadingReport';

export function Compare({ a, b }: { a: string; b: string }) {
  const load = useCallback(
    async (signal: AbortSignal) => {
      const both = await Promise.all([fetchWholeRun(a, signal), fetchWholeRun(b, signal)]);
      return both.sort((one, other) => one.createdAt.localeCompare(other.createdAt));
    },
    [a, b],
  );
  const { state, retry } = useLoaded(load);
  return (
    <main className="wide">
      <div className="page-head">
        <div>
          <p className="trail">
            <PageLink href="/history">History</PageLink>
          </p>
          <h1>Two runs compared</h1>
          <p className="soft">The earlier one is on the left.</p>
        </div>
      </div>
      {state.phase === 'loading' && <LoadingReport />}
      {state.phase === 'failed' &&
        (state.problem.status === 404 ? (
          <Message title="One of them is gone">
            <p>At least one of the two runs is no longer in your history.</p>
            <PageLink className="button" href="/history">
              Your history
            </PageLink>
          </Message>
        ) : (
          <ProblemMessage problem={state.problem} onRetry={retry} />
        ))}
      {state.phase === 'ready' && <Both runs={state.value} />}
    </main>
  );
}

function Both({ runs: [left, right] }: { runs: WholeRun[] }) {
  if (!left || !right) return null;
  const parts: [string, (run: WholeRun) => string | null][] = [
    ['Code', ({ program }) => program.code],
    ['Input', ({ program }) => program.stdin],
    ['Arguments', ({ program }) => program.arguments],
    ['Compiler options', ({ program }) => program.compilerOptions],
    ['Output', ({ output }) => output],
    ['Errors', ({ stderr }) => stderr],
    ['Compiler output', ({ compileOutput }) => compileOutput],
  ];
  return (
    <>
      <div className="report">
        <Head run={left} side="Earlier" />
        <Head run={right} side="Later" />
      </div>
      {parts
        .filter(([, of]) => [of(left), of(right)].some(Boolean))
        .map(([title, of]) => (
          <Difference key={title} title={title} left={of(left) ?? ''} right={of(right) ?? ''} />
        ))}
    </>
  );
}

function Head({ run, side }: { run: WholeRun; side: string }) {
  const figures = [
    run.time === null ? null : formatSeconds(run.time),
    run.memory === null ? null : formatKilobytes(run.memory),
    run.exitCode === null ? null : `exit code ${run.exitCode}`,
  ].filter((figure) => figure !== null);
  return (
    <section className="panel compared" aria-label={`${side} run`}>
      <p>
        <span className="visually-hidden">{side}: </span>
        <PageLink href={`/history/${run.jobId}`}>
          {new Date(run.createdAt).toLocaleString('en', {
            dateStyle: 'medium',
            timeStyle: 'medium',
            hourCycle: 'h23',
          })}
        </PageLink>
        <span className="soft"> {run.language.name}</span>
      </p>
      <p>
        <span className="pill" data-tone={toneOf(run.status.id)}>
          {run.status.description}
        </span>{' '}
        <span className="aside">{figures.join(' · ')}</span>
      </p>
    </section>
  );
}

function Difference({ title, left, right }: { title: string; left: string; right: string }) {
  const id = useId();
  const rows = useMemo(() => sideBySide(left, right), [left, right]);
  const changed = rows?.filter(({ same }) => !same).length ?? 0;
  return (
    <section className="panel difference" aria-labelledby={id}>
      <div className="panel-head spread">
        <h2 id={id}>{title}</h2>
        <span className="aside">
          {rows === null
            ? 'very different'
            : changed === 0
              ? 'the same'
              : `${changed} ${changed === 1 ? 'line differs' : 'lines differ'}`}
        </span>
      </div>
      {rows === null ? (
        <p className="hush">These have so little in common that no line stands beside another.</p>
      ) : (
        changed > 0 && <Lines rows={rows} label={title} />
      )}
    </section>
  );
}

function Lines({ rows, label }: { rows: Row[]; label: string }) {
  const [unfolded, setUnfolded] = useState<Set<number>>(new Set());
  const pieces = useMemo(() => foldEqual(rows), [rows]);
  return (
    <table className="diff" aria-label={`${label}, line by line`}>
      <colgroup>
        <col className="line-number" />
        <col />
        <col className="line-number" />
        <col />
      </colgroup>
      <thead className="visually-hidden">
        <tr>
          <th scope="col">Line</th>
          <th scope="col">Earlier</th>
          <th scope="col">Line</th>
          <th scope="col">Later</th>
        </tr>
      </thead>
      <tbody>
        {pieces.map((piece, at) => {
          if (!('folded' in piece)) return <Line key={at} row={piece} />;
          if (unfolded.has(at))
            return piece.folded.map((row, n) => <Line key={`${at}-${n}`} row={row} />);
          return (
            <tr key={at} className="fold">
              <td colSpan={4}>
                <button
                  type="button"
                  className="button quiet"
                  onClick={() => {
                    setUnfolded(new Set(unfolded).add(at));
                  }}
                >
                  {piece.folded.length} equal lines
                </button>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Line({ row: { same, left, right } }: { row: Row }) {
  return (
    <tr className={same ? 'same' : 'changed'}>
      <td className="line-number">{left?.number}</td>
      <td className={same ? 'line' : left ? 'line gone' : 'line void'}>
        {left && !same && <span className="visually-hidden">taken out: </span>}
        {left?.text}
      </td>
      <td className="line-number">{right?.number}</td>
      <td className={same ? 'line twin' : right ? 'line come' : 'line void'}>
        {right && !same && <span className="visually-hidden">put in: </span>}
        {right?.text}
      </td>
    </tr>
  );
}
