import type { ReactNode } from 'react';

/** Says that something is shown in part, and offers the rest. */
export function ShowEverything({
  children,
  onClick,
}: {
  children: ReactNode;
  onClick: () => void;
}) {
  return (
    <p className="more">
      {children}
      <button type="button" className="button quiet" onClick={onClick}>
        Show everything
      </button>
    </p>
  );
}
