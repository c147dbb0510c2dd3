'use client';

import { useEffect, useSyncExternalStore } from 'react';

const SHOWN_MS = 5000;

interface Action {
  label: string;
  run: () => void;
}

interface Toast {
  id: number;
  text: string;
  action?: Action | undefined;
}

let current: Toast | null = null;
let count = 0;
const listeners = new Set<() => void>();

function show(next: Toast | null) {
  current = next;
  listeners.forEach((listener) => {
    listener();
  });
}

/** Says in passing that something was done, and may offer to take it back. What needs an answer is no toast. */
export function toast(text: string, action?: Action) {
  show({ id: ++count, text, action });
}

/** Where toasts appear; one on each page. */
export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
    () => null,
  );
  useEffect(() => {
    if (!shown) return;
    const timer = setTimeout(() => {
      show(null);
    }, SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [shown]);
  return (
    <div role="status" className="toasts">
      {shown && (
        <p key={shown.id} className="toast">
          {shown.text}
          {shown.action && (
            <button
              type="button"
              className="button quiet"
              onClick={() => {
                shown.action?.run();
                show(null);
              }}
            >
              {shown.action.label}
            </button>
          )}
        </p>
      )}
    </div>
  );
}
