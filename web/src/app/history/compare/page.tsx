import type { Metadata } from 'next';
import { Compare } from '@/components/run/Compare';
import { PageLink } from '@/components/site/PageLink';
import { isRunId } from '@/server/ids';
import '../../pages.css';

export const metadata: Metadata = { title: 'Compare two runs' };

export default async function ComparePage({ searchParams }: PageProps<'/history/compare'>) {
  const { a, b } = await searchParams;
  if (typeof a !== 'string' || typeof b !== 'string' || !isRunId(a) || !isRunId(b)) {
    return (
      <main className="lonely">
        <h1>Choose two runs</h1>
        <p>Tick two runs in your history; then they can be put side by side.</p>
        <PageLink className="button primary" href="/history">
          Your history
        </PageLink>
      </main>
    );
  }
  return <Compare a={a} b={b} />;
}
