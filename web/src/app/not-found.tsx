import { PageLink } from '@/components/site/PageLink';

export default function NotFound() {
  return (
    <main className="lonely">
      <h1>There is nothing here</h1>
      <p>
        The address may have a slip in it, or what was here is gone: a run that was deleted, or a
        link that its owner took back.
      </p>
      <p className="lonely-links">
        <PageLink className="button primary" href="/">
          Run some code
        </PageLink>
        <PageLink className="button" href="/history">
          Your history
        </PageLink>
      </p>
    </main>
  );
}
