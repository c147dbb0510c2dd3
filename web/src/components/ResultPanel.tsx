import type { Ref } from 'react';
import { formatKilobytes, formatSeconds } from '@/lib/format';
import type { RunState } from '@/lib/runState';
import { FinishedRun } from './FinishedRun';
import { StatusPill } from './StatusPill';

interface Props {
  ref: Ref<HTMLElement>;
  state: RunState;
  onAgain: () => void;
  onFollow: (jobId: string) => void;
  onLeave: () => void;
}

export function ResultPanel({ ref, state, ...actions }: Props) {
  return (
    <section
      ref={ref}
      className="panel panel-result"
      data-phase={state.phase}
      aria-labelledby="result-title"
    >
      <div className="panel-head">
        <h2 id="result-title">Result</h2>
        <StatusPill state={state} />
      </div>
      <p role="status" className="visually-hidden">
        {announcement(state)}
      </p>
      <div className="result" aria-busy={state.phase === 'running'}>
        <ResultBody state={state} {...actions} />
      </div>
    </section>
  );
}

function ResultBody({ state, onAgain, onFollow, onLeave }: Omit<Props, 'ref'>) {
  switch (state.phase) {
    case 'idle':
      return <p className="hush">Run the program and its output appears here.</p>;
    case 'running':
      return (
        <div className="waiting">
          <p>{state.lost ? 'The connection was lost. Reconnecting…' : waitingFor(state)}</p>
          <button type="button" className="button quiet" onClick={onLeave}>
            Stop waiting
          </button>
        </div>
      );
    case 'finished':
      return <FinishedRun key={state.job.jobId} job={state.job} />;
    case 'failed': {
      const { problem, jobId } = state;
      return (
        <div className="failure">
          <h3>{problem.title}</h3>
          <p>{problem.detail}</p>
          {problem.fields.length > 0 && (
            <ul>
              {problem.fields.map((field) => (
                <li key={field}>{field}</li>
              ))}
            </ul>
          )}
          {jobId === null ? (
            <button type="button" className="button" onClick={onAgain}>
              Run again
            </button>
          ) : (
            <button
              type="button"
              className="button"
              onClick={() => {
                onFollow(jobId);
              }}
            >
              Look for the result
            </button>
          )}
        </div>
      );
    }
  }
}

type Running = Extract<RunState, { phase: 'running' }>;

function waitingFor({ status, jobId }: Running): string {
  if (status?.id === 2) return 'The program is running…';
  if (status?.id === 1) return 'Waiting for a free sandbox…';
  return jobId === null ? 'Sending the program…' : 'Looking for the result…';
}

/** What a screen reader says: every change once, and never the ticking clock. */
function announcement(state: RunState): string {
  switch (state.phase) {
    case 'idle':
      return '';
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
    case 'failed':
      return `${state.problem.title}. ${state.problem.detail}`;
  }
}
