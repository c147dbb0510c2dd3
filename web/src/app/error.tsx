'use client';

export default function PageError({ reset }: { reset: () => void }) {
  return (
    <main className="lonely">
      <h1>The page stumbled</h1>
      <p>
        Nothing of yours is lost: the code in the editor is kept in this browser, and what ran is in
        your history.
      </p>
      <button type="button" className="button primary" onClick={reset}>
        Try again
      </button>
    </main>
  );
}
