/** The Sandgate mark: a gate with sand drifting through it. Same drawing as app/icon.svg. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect className="mark-wall" width="32" height="32" rx="7" />
      <path className="mark-sand" d="M7.5 27v-3.6c3-.4 4.5-3.8 7.7-3.8 3.1 0 4.3 2.6 9.3 2.2V27z" />
      <path
        className="mark-arch"
        d="M7.5 27V14.5a8.5 8.5 0 0 1 17 0V27"
        fill="none"
        strokeWidth="3"
      />
    </svg>
  );
}
