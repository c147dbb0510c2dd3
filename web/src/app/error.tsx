'use client';

export default function PageError({ reset }: { reset: () => void }) {
  return (
    <main className="lonely">
      <h1>The page stumbled</h1>
      <p>Your code is kept in this browser. Loading the page again should bring it back.</p>
      <button type="button" className="button" onClick={reset}>
        Try again
      </button>
    </main>
  );
}
