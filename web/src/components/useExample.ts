import { useEffect, useState } from 'react';
import { firstExample } from '@/lib/firstExample';

type ExampleFor = (language: string) => string;

/** The example of a language, or null while it is on its way. Without a connection it is empty. */
export function useExample(language: string): string | null {
  const [exampleFor, setExampleFor] = useState<{ get: ExampleFor } | null>(null);
  const needed = language !== 'python' && exampleFor === null;

  useEffect(() => {
    if (!needed) return;
    let gone = false;
    import('@/lib/examples').then(
      (module) => {
        if (!gone) setExampleFor({ get: module.exampleFor });
      },
      () => {
        if (!gone) setExampleFor({ get: () => '' });
      },
    );
    return () => {
      gone = true;
    };
  }, [needed]);

  if (language === 'python') return firstExample;
  return exampleFor === null ? null : exampleFor.get(language);
}
