import { useId, useState } from 'react';
import { formatCharacters, preview } from '@/lib/outputFormat';
import { CopyButton } from '../CopyButton';
import { ShowEverything } from '../ShowEverything';

interface Props {
  title: string;
  text: string;
  numbered?: boolean;
}

/** Text to read and copy, with the numbers of its lines if it is code. */
export function CodeBlock({ title, text, numbered = false }: Props) {
  const id = useId();
  const [whole, setWhole] = useState(false);
  const shown = whole ? text : preview(text);
  const lines = shown.replace(/\n$/, '').split('\n');
  return (
    <section className="output" aria-labelledby={id}>
      <div className="output-head">
        <h3 id={id}>{title}</h3>
        <CopyButton text={text} what={title} />
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the arrow keys scroll it */}
      <pre tabIndex={0} aria-labelledby={id} role="group" className={numbered ? 'numbered' : ''}>
        {numbered
          ? lines.map((line, at) => (
              <span key={at} className="code-line">
                {line}
                {'\n'}
              </span>
            ))
          : shown}
      </pre>
      {shown.length < text.length && (
        <ShowEverything
          onClick={() => {
            setWhole(true);
          }}
        >
          The first {formatCharacters(shown.length)} of {text.length.toLocaleString('en')}.
        </ShowEverything>
      )}
    </section>
  );
}
