import { useEffect, useState } from 'react';
import { copyText } from '@/lib/copyText';
import { Icon } from './Icon';

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [outcome, setOutcome] = useState<'copied' | 'refused' | null>(null);

  useEffect(() => {
    if (outcome === null) return;
    const timer = setTimeout(() => {
      setOutcome(null);
    }, 2000);
    return () => {
      clearTimeout(timer);
    };
  }, [outcome]);

  return (
    <button
      type="button"
      className="button quiet copy"
      onClick={() => {
        void copyText(text).then((done) => {
          setOutcome(done ? 'copied' : 'refused');
        });
      }}
    >
      <Icon name={outcome === 'copied' ? 'check' : 'copy'} />
      <span aria-live="polite">
        {outcome === null ? 'Copy' : outcome === 'copied' ? 'Copied' : 'Not allowed'}
      </span>
      <span className="visually-hidden"> {what.toLowerCase()}</span>
    </button>
  );
}
