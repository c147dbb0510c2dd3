import { useState } from 'react';
import { shareRun, unshareRun } from '@/lib/history';
import type { Problem } from '@/lib/problem';
import { problemOf } from '@/lib/request';
import { CopyButton } from '../CopyButton';
import { Dialog } from '../ui/Dialog';

type Step = { kind: 'asking' } | { kind: 'shared'; url: string } | { kind: 'taken back' };

export function ShareDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [step, setStep] = useState<Step>({ kind: 'asking' });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const work = (what: () => Promise<Step>) => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    what()
      .then(setStep, (error: unknown) => {
        setProblem(problemOf(error));
      })
      .finally(() => {
        setBusy(false);
      });
  };
  const share = () => {
    work(async () => {
      const link = await shareRun(id);
      return { kind: 'shared', url: `${location.origin}/shared/${link.id}` };
    });
  };
  const takeBack = () => {
    work(async () => {
      try {
        await unshareRun(id);
      } catch (error) {
        // There was no link: that is what was asked for.
        if (problemOf(error).status !== 404) throw error;
      }
      return { kind: 'taken back' };
    });
  };

  return (
    <Dialog title="Share this run" onClose={onClose}>
      <div role="status">
        {step.kind === 'asking' && (
          <p>
            Whoever has the link can read the code, its input and its output. They see nothing of
            you, and can change nothing. You can take the link back here at any time.
          </p>
        )}
        {step.kind === 'shared' && <p>The link is good until you take it back.</p>}
        {step.kind === 'taken back' && <p>This run is not shared: no link leads to it.</p>}
      </div>
      {step.kind === 'shared' && (
        <div className="secret">
          <a href={step.url}>{step.url}</a>
          <CopyButton text={step.url} what="The link" />
        </div>
      )}
      <p role="alert" className="form-problem">
        {problem?.detail}
      </p>
      <div className="dialog-actions">
        {step.kind !== 'taken back' && (
          <button type="button" className="button quiet" aria-disabled={busy} onClick={takeBack}>
            {step.kind === 'shared' ? 'Take the link back' : 'Take an earlier link back'}
          </button>
        )}
        {step.kind === 'shared' ? (
          <button type="button" className="button primary" onClick={onClose}>
            Done
          </button>
        ) : (
          <button type="button" className="button primary" aria-disabled={busy} onClick={share}>
            {step.kind === 'asking' ? 'Get the link' : 'Make a new link'}
          </button>
        )}
      </div>
    </Dialog>
  );
}
