export default function NotFound() {
  return (
    <main className="lonely">
      <h1>There is no such page</h1>
      <p>
        Sandgate has one page: {/* Link is not worth its size for leaving an error page. */}
        {/* eslint-disable-next-line @next/next/no-html-link-for-pages */}
        <a href="/">the one where code runs</a>.
      </p>
    </main>
  );
}
