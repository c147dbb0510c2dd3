import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { OwnRun } from '@/components/run/OwnRun';
import { isRunId } from '@/server/ids';
import '../../pages.css';

export const metadata: Metadata = { title: 'A run' };

export default async function RunPage({ params }: PageProps<'/history/[token]'>) {
  const { token } = await params;
  if (!isRunId(token)) notFound();
  return <OwnRun id={token} />;
}
