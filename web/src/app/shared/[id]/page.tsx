import type { Metadata } from 'next';
import { headers } from 'next/headers';
import { notFound } from 'next/navigation';
import { SharedRun } from '@/components/run/SharedRun';
import type { WholeRun } from '@/lib/history';
import { relayJson } from '@/server/gateway';
import { isShareId } from '@/server/ids';
import '../../pages.css';

export const metadata: Metadata = { title: 'A shared run', robots: { index: false } };

export default async function SharedPage({ params }: PageProps<'/shared/[id]'>) {
  const { id } = await params;
  if (!isShareId(id)) notFound();
  const answer = await relayJson(`/api/v1/shared/${id}`, { from: await headers() });
  if (answer.status === 404) notFound();
  if (!answer.ok) {
    return (
      <main className="lonely">
        <h1>This run can’t be shown right now</h1>
        <p>
          The server behind this page does not answer. The link stays good: try again in a moment.
        </p>
        <a className="button primary" href={`/shared/${id}`}>
          Try again
        </a>
      </main>
    );
  }
  return <SharedRun id={id} run={(await answer.json()) as WholeRun} />;
}
