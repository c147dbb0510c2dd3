'use client';

import type { WholeRun } from '@/lib/history';
import { Icon } from '../Icon';
import { PageLink } from '../site/PageLink';
import { RunReport } from './RunReport';

export function SharedRun({ id, run }: { id: string; run: WholeRun }) {
  return (
    <main className="wide">
      <div className="page-head">
        <div>
          <h1>{run.language.name} run</h1>
          <p className="soft">Somebody shared it with you, to read.</p>
        </div>
        <div className="page-actions">
          <PageLink className="button primary" href={`/?shared=${id}`}>
            <Icon name="pencil" />
            Open a copy in the editor
          </PageLink>
        </div>
      </div>
      <RunReport run={run} />
    </main>
  );
}
