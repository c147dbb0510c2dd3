import { lazy, Suspense, useState } from 'react';
import { Icon } from './Icon';
import { PageLink } from './site/PageLink';

const ShareDialog = lazy(() =>
  import('./run/ShareDialog').then((module) => ({ default: module.ShareDialog })),
);

interface Props {
  jobId: string;
  /** The run that it can be held against, and its number on this page. */
  other: { number: number; jobId: string } | null;
}

/** What can be done with a run of one's own that has ended. */
export function RunActions({ jobId, other }: Props) {
  const [sharing, setSharing] = useState(false);
  return (
    <div className="run-actions">
      {other && (
        // Elsewhere: the runs of this page end with it.
        <PageLink
          className="button quiet"
          href={`/history/compare?a=${other.jobId}&b=${jobId}`}
          target="_blank"
        >
          <Icon name="compare" />
          Compare with run {other.number}
          <span className="visually-hidden"> (in a new tab)</span>
        </PageLink>
      )}
      <button
        type="button"
        className="button quiet"
        onClick={() => {
          setSharing(true);
        }}
      >
        <Icon name="share" />
        Share
      </button>
      {sharing && (
        <Suspense>
          <ShareDialog
            id={jobId}
            onClose={() => {
              setSharing(false);
            }}
          />
        </Suspense>
      )}
    </div>
  );
}
