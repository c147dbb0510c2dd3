'use client';

import { useCallback, useEffect, useState } from 'react';
import { followRun } from '@/lib/follow';
import { deleteRun, fetchWholeRun } from '@/lib/history';
import { isFinished } from '@/lib/status';
import { Icon } from '../Icon';
import { PageLink } from '../site/PageLink';
import { Confirm } from '../ui/Confirm';
import { Message, ProblemMessage } from '../ui/Message';
import { useLoaded } from '../useLoaded';
import { LoadingReport } from './LoadingReport';
import { RunReport } from './RunReport';
import { ShareDialog } from './ShareDialog';

export function OwnRun({ id }: { id: string }) {
  const load = useCallback((signal: AbortSignal) => fetchWholeRun(id, signal), [id]);
  const { state, retry, refresh } = useLoaded(load);
  const [open, setOpen] = useState<'share' | 'delete' | null>(null);
  const close = () => {
    setOpen(null);
  };

  const ended = state.phase !== 'ready' || isFinished(state.value.status.id);
  useEffect(() => {
    if (ended) return;
    return followRun(id, {
      onStatus: () => undefined,
      onResult: refresh,
      onConnectionLost: () => undefined,
      onGivenUp: () => undefined,
    });
  }, [id, ended, refresh]);

  return (
    <main className="wide">
      <div className="page-head">
        <div>
          <p className="trail">
            <PageLink href="/history">History</PageLink>
          </p>
          <h1>{state.phase === 'ready' ? `${state.value.language.name} run` : 'A run'}</h1>
          {state.phase === 'ready' && <When at={state.value.createdAt} />}
        </div>
        {state.phase === 'ready' && (
          <div className="page-actions">
            <PageLink className="button primary" href={`/?run=${id}`}>
              <Icon name="pencil" />
              Open in the editor
            </PageLink>
            <button
              type="button"
              className="button"
              onClick={() => {
                setOpen('share');
              }}
            >
              <Icon name="share" />
              Share
            </button>
            {ended && (
              <button
                type="button"
                className="button"
                onClick={() => {
                  setOpen('delete');
                }}
              >
                <Icon name="trash" />
                Delete
              </button>
            )}
          </div>
        )}
      </div>
      {state.phase === 'loading' && <LoadingReport />}
      {state.phase === 'failed' &&
        (state.problem.status === 404 ? (
          <Message title="This run is not in your history">
            <p>It was deleted, or it is somebody else’s. They can share it with you by a link.</p>
            <PageLink className="button" href="/history">
              Your history
            </PageLink>
          </Message>
        ) : (
          <ProblemMessage problem={state.problem} onRetry={retry} />
        ))}
      {state.phase === 'ready' && <RunReport run={state.value} />}

      {open === 'share' && <ShareDialog id={id} onClose={close} />}
      {open === 'delete' && (
        <Confirm
          title="Delete this run?"
          action="Delete it"
          onClose={close}
          onConfirm={async () => {
            await deleteRun(id);
            location.assign('/history');
          }}
        >
          <p>The program, its output and any link to it are gone for good.</p>
        </Confirm>
      )}
    </main>
  );
}

export function When({ at }: { at: string }) {
  return (
    <p className="soft">
      <time dateTime={at}>
        {new Date(at).toLocaleString('en', {
          dateStyle: 'long',
          timeStyle: 'short',
          hourCycle: 'h23',
        })}
      </time>
    </p>
  );
}
