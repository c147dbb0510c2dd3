import { describe, expect, it } from 'vitest';
import type { Job } from './api';
import { lostTrack } from './problem';
import { reduceRun, sent, type RunAction, type RunState } from './runState';

const after = (...actions: RunAction[]) => actions.reduce<RunState>(reduceRun, sent(5));

const job = { jobId: 'a', status: { id: 3, description: 'Accepted' } } as Job;
const accepted: RunAction = { type: 'accepted', jobId: 'a' };

describe('a run', () => {
  it('goes from In Queue over Processing to its result', () => {
    expect(after()).toMatchObject({ phase: 'running', status: null, since: 5 });
    expect(after(accepted)).toMatchObject({ jobId: 'a', status: { id: 1 } });
    const processing: RunAction = { type: 'status', status: { id: 2, description: 'Processing' } };
    expect(after(accepted, processing)).toMatchObject({ status: { id: 2 }, since: 5 });
    expect(after(accepted, processing, { type: 'result', job })).toEqual({
      phase: 'finished',
      job,
    });
  });

  it('says when the connection is lost and when it is back', () => {
    const lost = after(accepted, { type: 'connection lost' });
    expect(lost).toMatchObject({ lost: true });
    const back = reduceRun(lost, { type: 'status', status: { id: 1, description: 'In Queue' } });
    expect(back).toMatchObject({ lost: false });
  });

  it('keeps the id of a run it lost, but has none for a program that was refused', () => {
    const failed: RunAction = { type: 'failed', problem: lostTrack };
    expect(after(accepted, failed)).toMatchObject({ phase: 'failed', jobId: 'a' });
    expect(after(failed)).toMatchObject({ phase: 'failed', jobId: null });
  });

  it('can be left and taken up again', () => {
    expect(after(accepted, { type: 'left' })).toEqual({ phase: 'left', jobId: 'a' });
    const again: RunAction = { type: 'followed again', jobId: 'a', at: 9 };
    expect(after(accepted, { type: 'left' }, again)).toMatchObject({ phase: 'running', since: 9 });
  });
});
