import { useState, type ReactNode } from 'react';
import type { Problem } from '@/lib/problem';
import { problemOf } from '@/lib/request';
import { Dialog } from './Dialog';

interface Props {
  title: string;
  children: ReactNode;
  /** What the button does, in a word or two. */
  action: string;
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something that can't be undone, and stays open if it fails. */
export function Confirm({ title, children, action, onConfirm, onClose }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const confirm = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await onConfirm();
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };

  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <p role="alert" className="form-problem">
        {problem?.detail}
      </p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Keep it
        </button>
        <button
          type="button"
          className="button danger"
          aria-disabled={busy}
          onClick={() => {
            if (!busy) void confirm();
          }}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
