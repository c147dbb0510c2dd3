import { headers } from 'next/headers';
import { Playground } from '@/components/Playground';

export default async function Page() {
  const nonce = (await headers()).get('x-nonce') ?? '';
  return <Playground nonce={nonce} />;
}
