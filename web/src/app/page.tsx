import { headers } from 'next/headers';
import { Playground } from '@/components/Playground';

export default async function Page() {
  const nonce = (await headers()).get('x-nonce') ?? '';
  return (
    <>
      <h1 className="visually-hidden">Run code in a sandbox</h1>
      <Playground nonce={nonce} />
    </>
  );
}
