export function LoadingReport() {
  return (
    <div className="report" aria-busy="true">
      <p role="status" className="visually-hidden">
        Loading the run
      </p>
      <div className="panel skeleton tall" />
      <div className="panel skeleton tall" />
    </div>
  );
}
