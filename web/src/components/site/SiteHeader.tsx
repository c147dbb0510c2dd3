import { headers } from 'next/headers';
import { signInSettings } from '@/server/settings';
import { personOf } from '@/server/visitor';
import { Mark } from '../Mark';
import { ThemeSwitch } from '../ThemeSwitch';
import { PageLink } from './PageLink';
import { SignInButton } from './SignInButton';
import { SiteNav } from './SiteNav';

export async function SiteHeader() {
  const settings = signInSettings();
  const person = await personOf(await headers());
  return (
    <header className="site-header">
      <PageLink href="/" className="site-brand">
        <Mark />
        <span>Sandgate</span>
      </PageLink>
      <SiteNav person={person && (person.name ?? person.email ?? 'Signed in')} />
      <ThemeSwitch />
      {settings && !person && (
        <div className="site-sign-in">
          <SignInButton />
        </div>
      )}
    </header>
  );
}
