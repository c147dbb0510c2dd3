import type { ReactNode } from 'react';
import type { Problem } from '@/lib/problem';

/** What stands where content would: there is none yet, or it can't be had. */
export function Message({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="message">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function ProblemMessage({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  return (
    <div role="alert">
      <Message title={problem.title}>
        <p>{problem.detail}</p>
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      </Message>
    </div>
  );
}
