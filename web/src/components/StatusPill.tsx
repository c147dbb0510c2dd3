import { useEffect, useState } from 'react';
import { formatElapsed } from '@/lib/format';
import type { RunState } from '@/lib/runState';
import { toneOf } from '@/lib/status';

/** The state of the run, at the head of the result where it is seen without scrolling. */
export function StatusPill({ state }: { state: RunState }) {
  switch (state.phase) {
    case 'running':
      return (
        <div className="status">
          <Elapsed since={state.since} />
          <span className="pill" data-tone={state.lost ? 'warning' : 'busy'}>
            <span className="pulse" aria-hidden="true" />
            {state.lost ? 'Reconnecting' : (state.status?.description ?? 'Sending')}
          </span>
        </div>
      );
    case 'finished':
      return (
        <span className="pill" data-tone={toneOf(state.job.status.id)}>
          {state.job.status.description}
        </span>
      );
    case 'left':
      return (
        <span className="pill" data-tone="warning">
          Not waiting
        </span>
      );
    case 'failed':
      return (
        <span className="pill" data-tone="bad">
          {state.jobId === null ? 'Not run' : 'Result unknown'}
        </span>
      );
  }
}

function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(since);
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(performance.now());
    }, 100);
    return () => {
      clearInterval(timer);
    };
  }, []);
  return (
    <span className="elapsed" role="timer" aria-label="Elapsed time">
      {formatElapsed(Math.max(0, now - since))}
    </span>
  );
}
