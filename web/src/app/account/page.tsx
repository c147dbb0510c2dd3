import type { Metadata } from 'next';
import { headers } from 'next/headers';
import { ApiKeys } from '@/components/account/ApiKeys';
import { SignOutButton } from '@/components/account/SignOutButton';
import { UsageCharts } from '@/components/account/UsageCharts';
import { SignInButton } from '@/components/site/SignInButton';
import { signInSettings } from '@/server/settings';
import { personOf } from '@/server/visitor';
import '../pages.css';

export const metadata: Metadata = { title: 'Account' };

export default async function AccountPage({ searchParams }: PageProps<'/account'>) {
  const settings = signInSettings();
  const person = await personOf(await headers());
  const { error } = await searchParams;

  return (
    <main className="document">
      <h1>Account</h1>
      {error !== undefined && person === null && (
        <div role="alert" className="notice">
          <p>
            <strong>You are not signed in.</strong>{' '}
            {error === 'AccessDenied'
              ? 'The sign-in was refused or called off.'
              : 'The sign-in did not come to its end. Try it once more; if it fails again, whoever runs this server can see why in its log.'}
          </p>
        </div>
      )}
      <section className="card who" aria-labelledby="who">
        <div>
          <h2 id="who">{person ? (person.name ?? person.email ?? 'Signed in') : 'Guest'}</h2>
          {person ? (
            <p>
              {person.name !== null && person.email}
              <span className="soft">
                {' '}
                Your history and keys are the same wherever you sign in. What you ran as a guest
                stays with this browser, and is back when you sign out.
              </span>
            </p>
          ) : (
            <p className="soft">
              This browser has a history of its own, kept by a cookie.
              {settings
                ? ' Sign in to have one wherever you are, and to make API keys.'
                : ' Clear the cookies, and it is out of reach.'}
            </p>
          )}
        </div>
        {person ? <SignOutButton /> : settings && <SignInButton name={settings.name} />}
      </section>
      <UsageCharts />
      <ApiKeys allowed={person !== null || settings === null} guest={person === null} />
    </main>
  );
}
