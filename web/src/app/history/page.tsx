import type { Metadata } from 'next';
import { History } from '@/components/history/History';
import { parseFilter } from '@/lib/history';
import '../pages.css';

export const metadata: Metadata = { title: 'History' };

export default async function HistoryPage({ searchParams }: PageProps<'/history'>) {
  return <History initial={parseFilter(await searchParams)} />;
}
