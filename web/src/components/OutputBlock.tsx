import { useId, useState } from 'react';
import { formatCharacters, preview } from '@/lib/outputFormat';
import { stripAnsi } from '@/lib/ansi';
import { Ansi } from './Ansi';
import { CopyButton } from './CopyButton';
import { ShowEverything } from './ShowEverything';

interface Props {
  title: string;
  aside?: string;
  text: string;
  tone: 'plain' | 'bad';
}

export function OutputBlock({ title, aside, text, tone }: Props) {
  const id = useId();
  const [whole, setWhole] = useState(false);
  const beginning = preview(text);
  const shown = whole ? text : beginning;

  return (
    <section className="output" data-tone={tone} aria-labelledby={id}>
      <div className="output-head">
        <h3 id={id}>{title}</h3>
        {aside && <span className="aside">{aside}</span>}
        <CopyButton text={stripAnsi(text)} what={title} />
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the arrow keys scroll it */}
      <pre tabIndex={0} aria-labelledby={id} role="group">
        <Ansi text={shown} />
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
