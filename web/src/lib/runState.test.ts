import { describe, expect, it } from 'vitest';
import type { Job } from './api';
import { lostTrack } from './problem';
import { reduceRun, type RunAction, type RunState } from './runState';

const after = (...actions: RunAction[]) => actions.reduce<RunState>(reduceRun, { phase: 'idle' });

const job = { jobId: 'a', status: { id: 3, description: 'Accepted' } } as Job;
const sent: RunAction = { type: 'sent', at: 5 };
const accepted: RunAction = { type: 'accepted', jobId: 'a' };

describe('a run', () => {
  it('goes from In Queue over Processing to its result', () => {
    expect(after(sent)).toMatchObject({ phase: 'running', status: null, since: 5 });
    expect(after(sent, accepted)).toMatchObject({ jobId: 'a', status: { id: 1 } });
    const processing: RunAction = { type: 'status', status: { id: 2, description: 'Processing' } };
    expect(after(sent, accepted, processing)).toMatchObject({ status: { id: 2 }, since: 5 });
    expect(after(sent, accepted, processing, { type: 'result', job })).toEqual({
      phase: 'finished',
      job,
    });
  });

  it('says when the connection is lost and when it is back', () => {
    const lost = after(sent, accepted, { type: 'connection lost' });
    expect(lost).toMatchObject({ lost: true });
    const back = reduceRun(lost, { type: 'status', status: { id: 1, description: 'In Queue' } });
    expect(back).toMatchObject({ lost: false });
  });

  it('keeps the id of a run it lost, but has none for a program that was refused', () => {
    const failed: RunAction = { type: 'failed', problem: lostTrack };
    expect(after(sent, accepted, failed)).toMatchObject({ phase: 'failed', jobId: 'a' });
    expect(after(sent, failed)).toMatchObject({ phase: 'failed', jobId: null });
  });

  it('does not come back to life after it was left', () => {
    expect(after(sent, { type: 'left' }, accepted)).toEqual({ phase: 'idle' });
  });
});
