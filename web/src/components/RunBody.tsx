import { lazy, Suspense, useEffect, useState } from 'react';
import type { Diagnostic } from '@/lib/api';
import { formatWait } from '@/lib/format';
import type { Problem } from '@/lib/problem';
import { otherThan, type Run, type Runs } from '@/lib/runs';
import type { RunState } from '@/lib/runState';
import { Icon } from './Icon';
import { RunActions } from './RunActions';

const load = () => import('./FinishedRun');
const FinishedRun = lazy(() => load().then((module) => ({ default: module.FinishedRun })));

interface Props {
  run: Run;
  runs: Runs;
  onAgain: () => void;
  onFollow: (number: number, jobId: string) => void;
  onLeave: (number: number) => void;
  onGoTo: (problem: Diagnostic) => void;
}

/** One run: what one waits for, what it came to, or why there is no result. */
export function RunBody({ run, runs, onAgain, onFollow, onLeave, onGoTo }: Props) {
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
          <FinishedRun
            job={state.job}
            expected={run.expected}
            onGoTo={onGoTo}
            actions={run.own && <RunActions jobId={state.job.jobId} other={otherThan(run, runs)} />}
          />
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
  const left = useCountdown(problem.retry?.after ?? 0);
  return (
    <div className="failure">
      <h3>{problem.status === 429 ? 'Too many runs for now' : problem.title}</h3>
      <p>{problem.retry?.reason ?? problem.detail}</p>
      {problem.fields.length > 0 && (
        <ul>
          {problem.fields.map((field) => (
            <li key={field}>{field}</li>
          ))}
        </ul>
      )}
      {problem.retry && (
        <p>{left > 0 ? `You can go on in ${formatWait(left)}.` : 'You can go on now.'}</p>
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

function waitingFor({ status, jobId }: Extract<RunState, { phase: 'running' }>): string {
  if (status?.id === 2) return 'The program is running…';
  if (status?.id === 1) return 'Waiting for a free sandbox…';
  return jobId === null ? 'Sending the program…' : 'Looking for the result…';
}
