import { lazy, Suspense, useState, type ReactNode } from 'react';
import type { Diagnostic, Job } from '@/lib/api';
import { didRun, explain } from '@/lib/explain';
import { formatKilobytes, formatSeconds } from '@/lib/format';
import { formatSignal } from '@/lib/outputFormat';
import { toneOf } from '@/lib/status';
import { OutputBlock } from './OutputBlock';
import { Tabs } from './ui/Tabs';

const Comparison = lazy(() =>
  import('./Comparison').then((module) => ({ default: module.Comparison })),
);

interface Props {
  job: Job;
  /** What the output was to be; null: it was not compared. */
  expected: string | null;
  /** Shows the place in the code, where there is an editor. */
  onGoTo?: (problem: Diagnostic) => void;
  actions?: ReactNode;
}

export function FinishedRun({ job, expected, onGoTo, actions }: Props) {
  const silent = !job.output && !job.stderr;
  // The summary repeats what the other fields say; it is worth a line only without them.
  const note = job.message ?? (silent && !job.compileOutput ? job.error : null);

  return (
    <>
      <div className="summary" data-tone={toneOf(job.status.id)}>
        <div className="summary-head">
          <p>{explain(job)}</p>
          {actions}
        </div>
        {note && <p className="note">{note}</p>}
        <Figures job={job} />
        {onGoTo && <Problems list={job.diagnostics ?? []} onGoTo={onGoTo} />}
      </div>
      <Outputs job={job} expected={expected} silent={silent} />
    </>
  );
}

function Outputs({
  job,
  expected,
  silent,
}: Omit<Props, 'onGoTo' | 'actions'> & { silent: boolean }) {
  const blocks = [
    job.compileOutput && {
      id: 'compiler',
      tab: 'Compiler',
      block: (
        <OutputBlock
          key="compiler"
          title="Compiler output"
          text={job.compileOutput}
          tone={job.status.id === 6 ? 'bad' : 'plain'}
        />
      ),
    },
    job.output && {
      id: 'output',
      tab: 'Output',
      block: (
        <OutputBlock key="output" title="Output" aside="stdout" text={job.output} tone="plain" />
      ),
    },
    job.stderr && {
      id: 'errors',
      tab: 'Errors',
      block: (
        <OutputBlock key="errors" title="Errors" aside="stderr" text={job.stderr} tone="bad" />
      ),
    },
  ].filter((block) => block !== null && block !== '');

  const compared = expected !== null && didRun(job.status.id);
  const tabs = blocks.map(({ id, tab }) => ({ id, label: tab }));
  if (blocks.length > 1) tabs.unshift({ id: 'all', label: 'All' });
  if (compared) tabs.push({ id: 'comparison', label: 'Comparison' });
  const [shown, setShown] = useState(
    compared && job.status.id === 4 ? 'comparison' : (tabs[0]?.id ?? 'all'),
  );
  const tabbed = tabs.length > 1;

  return (
    <>
      {tabbed && (
        <div className="output-tabs">
          <Tabs
            prefix="output"
            label="Parts of the result"
            tabs={tabs}
            value={shown}
            controls="outputs"
            onChange={setShown}
          />
        </div>
      )}
      <div
        id="outputs"
        className="outputs"
        {...(tabbed && { role: 'tabpanel', 'aria-labelledby': `output-tab-${shown}` })}
      >
        {shown === 'comparison' && expected !== null ? (
          <Suspense fallback={<p className="hush">Comparing…</p>}>
            <Comparison expected={expected} actual={job.output ?? ''} />
          </Suspense>
        ) : (
          blocks.filter(({ id }) => shown === 'all' || shown === id).map(({ block }) => block)
        )}
        {silent && shown !== 'comparison' && didRun(job.status.id) && (
          <p className="hush">The program printed nothing.</p>
        )}
      </div>
    </>
  );
}

const SHOWN_PROBLEMS = 5;

function Problems({ list, onGoTo }: { list: Diagnostic[]; onGoTo: (problem: Diagnostic) => void }) {
  const [all, setAll] = useState(false);
  if (list.length === 0) return null;
  const shown = all ? list : list.slice(0, SHOWN_PROBLEMS);
  return (
    <ul className="problems" aria-label="Problems in the code">
      {shown.map((problem, index) => (
        // The list never changes, and two problems may be alike in every word.
        <li key={index}>
          <button
            type="button"
            className="problem"
            data-tone={
              problem.severity === 'error'
                ? 'bad'
                : problem.severity === 'note'
                  ? 'busy'
                  : 'warning'
            }
            onClick={() => {
              onGoTo(problem);
            }}
          >
            <span className="problem-place">
              {problem.line > 0 ? `${problem.file ?? 'Line'}:${problem.line}` : problem.severity}
            </span>
            <span className="problem-words">{problem.message}</span>
          </button>
        </li>
      ))}
      {list.length > shown.length && (
        <li>
          <button
            type="button"
            className="button quiet"
            onClick={() => {
              setAll(true);
            }}
          >
            {list.length - shown.length} more
          </button>
        </li>
      )}
    </ul>
  );
}

function Figures({ job }: { job: Job }) {
  const figures: [string, string | null][] = [
    ['CPU time', job.time === null ? null : formatSeconds(job.time)],
    ['Wall time', job.wallTime === null ? null : formatSeconds(job.wallTime)],
    ['Memory', job.memory === null ? null : formatKilobytes(job.memory)],
    job.exitSignal
      ? ['Signal', formatSignal(job.exitSignal)]
      : ['Exit code', job.exitCode === null ? null : String(job.exitCode)],
  ];
  const known = figures.filter(([, value]) => value !== null);
  if (known.length === 0) return null;
  return (
    <dl className="figures">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
