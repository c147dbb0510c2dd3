import type { Job, Status } from './api';
import type { Problem } from './problem';
import { IN_QUEUE } from './status';

/** How one run stands. */
export type RunState =
  /** Nobody waits for it any more; it goes on. */
  | { phase: 'left'; jobId: string }
  | { phase: 'running'; jobId: string | null; status: Status | null; since: number; lost: boolean }
  | { phase: 'finished'; job: Job }
  | { phase: 'failed'; problem: Problem; jobId: string | null };

export type RunAction =
  | { type: 'accepted'; jobId: string }
  | { type: 'followed again'; jobId: string; at: number }
  | { type: 'status'; status: Status }
  | { type: 'connection lost' }
  | { type: 'result'; job: Job }
  | { type: 'failed'; problem: Problem }
  | { type: 'left' };

const queued: Status = { id: IN_QUEUE, description: 'In Queue' };

/** How a run begins: it is sent, and nothing was heard of it yet. */
export function sent(at: number): RunState {
  return { phase: 'running', jobId: null, status: null, since: at, lost: false };
}

export function reduceRun(state: RunState, action: RunAction): RunState {
  switch (action.type) {
    case 'followed again':
      return { phase: 'running', jobId: action.jobId, status: null, since: action.at, lost: false };
    case 'left':
      if (state.phase === 'running' && state.jobId !== null) {
        return { phase: 'left', jobId: state.jobId };
      }
      return state;
    case 'accepted':
      // The gateway has put the job in its queue by the time it answers.
      return whileRunning(state, { jobId: action.jobId, status: queued });
    case 'status':
      return whileRunning(state, { status: action.status, lost: false });
    case 'connection lost':
      return whileRunning(state, { lost: true });
    case 'result':
      return { phase: 'finished', job: action.job };
    case 'failed':
      return {
        phase: 'failed',
        problem: action.problem,
        jobId: state.phase === 'running' ? state.jobId : null,
      };
  }
}

function whileRunning(
  state: RunState,
  change: Partial<Extract<RunState, { phase: 'running' }>>,
): RunState {
  return state.phase === 'running' ? { ...state, ...change } : state;
}
