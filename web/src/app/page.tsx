import { headers } from 'next/headers';
import { Mark } from '@/components/Mark';
import { Playground } from '@/components/Playground';
import { ThemeSwitch } from '@/components/ThemeSwitch';

export default async function Page() {
  const nonce = (await headers()).get('x-nonce') ?? '';
  return (
    <div className="page">
      <header className="masthead">
        <h1 className="brand">
          <Mark />
          Sandgate
        </h1>
        <p className="tagline">Run code in a sandbox</p>
        <ThemeSwitch />
      </header>
      <Playground nonce={nonce} />
    </div>
  );
}
