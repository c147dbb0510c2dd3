import { lazy, Suspense, useEffect, useState } from 'react';
import type { Diagnostic } from '@/lib/api';
import { formatKilobytes, formatSeconds } from '@/lib/format';
import type { Problem } from '@/lib/problem';
import { shownRun, type Run, type Runs } from '@/lib/runs';
import type { RunState } from '@/lib/runState';
import { toneOf } from '@/lib/status';
import { Icon } from './Icon';
import { StatusPill } from './StatusPill';
import { Tabs } from './ui/Tabs';

const load = () => import('./FinishedRun');
const FinishedRun = lazy(() => load().then((module) => ({ default: module.FinishedRun })));

interface Props {
  runs: Runs;
  onAgain: () => void;
  onShow: (number: number) => void;
  onRemove: (number: number) => void;
  onFollow: (number: number, jobId: string) => void;
  onLeave: (number: number) => void;
  onGoTo: (problem: Diagnostic) => void;
}

export function ResultPanel({ runs, onShow, onRemove, ...actions }: Props) {
  const run = shownRun(runs);
  const several = runs.list.length > 1;
  return (
    <section
      className="panel panel-result"
      data-part="result"
      data-phase={run?.state.phase ?? 'idle'}
      aria-labelledby="result-title"
    >
      <div className="panel-head">
        <h2 id="result-title">Result</h2>
        {several && run && (
          <Tabs
            prefix="run"
            label="Runs"
            controls="result-body"
            tabs={runs.list.map((each) => ({
              id: String(each.number),
              name: `Run ${each.number}, ${each.label}, ${inWord(each.state)}`,
              title: `${each.label}: ${inWord(each.state)} (Delete removes it)`,
              label: (
                <>
                  <span className="dot" data-tone={toneOfState(each.state)} aria-hidden="true" />
                  {each.number}
                </>
              ),
            }))}
            value={String(run.number)}
            onChange={(number) => {
              onShow(Number(number));
            }}
            onKey={(event, number) => {
              if (event.key === 'Delete') onRemove(Number(number));
            }}
          />
        )}
        {run && <StatusPill key={run.number} state={run.state} />}
      </div>
      <p role="status" className="visually-hidden">
        {run ? announcement(run) : ''}
      </p>
      <div
        id="result-body"
        className="result"
        aria-busy={run?.state.phase === 'running'}
        {...(several && run && { role: 'tabpanel', 'aria-labelledby': `run-tab-${run.number}` })}
      >
        {run ? (
          <ResultBody key={run.number} run={run} {...actions} />
        ) : (
          <p className="hush">Run the program and its output appears here.</p>
        )}
      </div>
    </section>
  );
}

type BodyProps = { run: Run } & Pick<Props, 'onAgain' | 'onFollow' | 'onLeave' | 'onGoTo'>;

function ResultBody({ run, onAgain, onFollow, onLeave, onGoTo }: BodyProps) {
  const { state } = run;
  const running = state.phase === 'running';
  useEffect(() => {
    // What shows a result comes while the program runs.
    if (running) void load().catch(() => undefined);
  }, [running]);

  switch (state.phase) {
    case 'running':
      return (
        <div className="waiting">
          <p>{state.lost ? 'The connection was lost. Reconnecting…' : waitingFor(state)}</p>
          <button
            type="button"
            className="button quiet"
            onClick={() => {
              onLeave(run.number);
            }}
          >
            Stop waiting
          </button>
        </div>
      );
    case 'finished':
      return (
        <Suspense fallback={<p className="hush">Loading…</p>}>
          <FinishedRun job={state.job} expected={run.expected} onGoTo={onGoTo} />
        </Suspense>
      );
    case 'left':
      return (
        <div className="waiting">
          <p>You stopped waiting. The program goes on, and its result is kept.</p>
          <button
            type="button"
            className="button"
            onClick={() => {
              onFollow(run.number, state.jobId);
            }}
          >
            Look for the result
          </button>
        </div>
      );
    case 'failed':
      return (
        <Failure
          problem={state.problem}
          lost={state.jobId !== null}
          onAgain={() => {
            if (state.jobId === null) onAgain();
            else onFollow(run.number, state.jobId);
          }}
        />
      );
  }
}

interface FailureProps {
  problem: Problem;
  /** The program was sent, and its result was lost sight of. */
  lost: boolean;
  onAgain: () => void;
}

function Failure({ problem, lost, onAgain }: FailureProps) {
  const left = useCountdown(problem.retryAfter ?? 0);
  return (
    <div className="failure">
      <h3>{problem.status === 429 ? 'Too many runs for now' : problem.title}</h3>
      <p>{problem.detail}</p>
      {problem.fields.length > 0 && (
        <ul>
          {problem.fields.map((field) => (
            <li key={field}>{field}</li>
          ))}
        </ul>
      )}
      {problem.retryAfter !== undefined && (
        <p>{left > 0 ? `You can go on in ${inMinutes(left)}.` : 'You can go on now.'}</p>
      )}
      <button type="button" className="button" aria-disabled={left > 0} onClick={onAgain}>
        <Icon name={lost ? 'reset' : 'play'} />
        {lost ? 'Look again' : 'Run again'}
      </button>
    </div>
  );
}

/** Seconds left of so many, from the time this is first shown. */
function useCountdown(seconds: number): number {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    const until = performance.now() + seconds * 1000;
    const timer = setInterval(() => {
      const now = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      setLeft(now);
      if (now === 0) clearInterval(timer);
    }, 250);
    return () => {
      clearInterval(timer);
    };
  }, [seconds]);
  return left;
}

function inMinutes(seconds: number): string {
  if (seconds < 100) return `${seconds} ${seconds === 1 ? 'second' : 'seconds'}`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 100) return `${minutes} minutes`;
  return `${Math.ceil(minutes / 60)} hours`;
}

function waitingFor({ status, jobId }: Extract<RunState, { phase: 'running' }>): string {
  if (status?.id === 2) return 'The program is running…';
  if (status?.id === 1) return 'Waiting for a free sandbox…';
  return jobId === null ? 'Sending the program…' : 'Looking for the result…';
}

function toneOfState(state: RunState): string {
  if (state.phase === 'finished') return toneOf(state.job.status.id);
  return state.phase === 'running' ? 'busy' : state.phase === 'left' ? 'warning' : 'bad';
}

function inWord(state: RunState): string {
  switch (state.phase) {
    case 'running':
      return state.status?.description ?? 'Sending';
    case 'finished':
      return state.job.status.description;
    case 'left':
      return 'not waited for';
    case 'failed':
      return state.jobId === null ? 'not run' : 'result unknown';
  }
}

/** What a screen reader says: every change once, and never the ticking clock. */
function announcement({ state }: Run): string {
  switch (state.phase) {
    case 'running':
      if (state.lost) return 'Connection lost, reconnecting';
      return state.status?.description ?? '';
    case 'finished': {
      const { status, time, memory } = state.job;
      const cost = [
        time === null ? null : formatSeconds(time),
        memory === null ? null : formatKilobytes(memory),
      ].filter((part) => part !== null);
      return ['Finished: ' + status.description, ...cost].join(', ');
    }
    case 'left':
      return 'Stopped waiting';
    case 'failed':
      return `${state.problem.title}. ${state.problem.detail}`;
  }
}
