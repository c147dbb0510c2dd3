import { useEffect, useState } from 'react';
import { firstExample } from '@/lib/firstExample';

type ExampleFor = (language: string) => string;

/**
 * The example of a language, or null while it is not known: it is fetched when it is wanted.
 * Without a connection it is empty.
 */
export function useExample(language: string, wanted: boolean): string | null {
  const [exampleFor, setExampleFor] = useState<{ get: ExampleFor } | null>(null);
  const needed = wanted && language !== 'python' && exampleFor === null;

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
