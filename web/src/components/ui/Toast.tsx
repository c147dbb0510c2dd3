import { useEffect } from 'react';

export interface ToastMessage {
  text: string;
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 6000;

/** A short word at the edge of the page that goes by itself; screen readers hear it. */
export function Toast({ message, onEnd }: { message: ToastMessage | null; onEnd: () => void }) {
  useEffect(() => {
    if (!message) return;
    const timer = setTimeout(onEnd, SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [message, onEnd]);

  return (
    <div className="toast-place" role="status">
      {message && (
        <div className="toast">
          {message.text}
          {message.action && (
            <button
              type="button"
              className="button quiet"
              onClick={() => {
                message.action?.run();
                onEnd();
              }}
            >
              {message.action.label}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
