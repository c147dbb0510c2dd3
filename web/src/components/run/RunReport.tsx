import { useId } from 'react';
import type { Program, WholeRun } from '@/lib/history';
import { isFinished, toneOf } from '@/lib/status';
import { FinishedRun } from '../FinishedRun';
import { CodeBlock } from './CodeBlock';

/** A run that was: its program on one side, what came of it on the other. */
export function RunReport({ run }: { run: WholeRun }) {
  const { program } = run;
  const id = useId();
  return (
    <div className="report">
      <section className="panel" aria-labelledby={`${id}-program`}>
        <div className="panel-head">
          <h2 id={`${id}-program`}>Program</h2>
          <span className="aside">{run.language.name}</span>
        </div>
        {program.code !== null && <CodeBlock title="Code" text={program.code} numbered />}
        <Archive program={program} />
        {program.stdin && <CodeBlock title="Input" text={program.stdin} />}
        {program.arguments && <CodeBlock title="Arguments" text={program.arguments} />}
        {program.compilerOptions && (
          <CodeBlock title="Compiler options" text={program.compilerOptions} />
        )}
        {program.expectedOutput !== null && (
          <CodeBlock title="Expected output" text={program.expectedOutput} />
        )}
      </section>
      <section className="panel" aria-labelledby={`${id}-result`}>
        <div className="panel-head spread">
          <h2 id={`${id}-result`}>Result</h2>
          <span className="pill" data-tone={toneOf(run.status.id)}>
            {run.status.description}
          </span>
        </div>
        {isFinished(run.status.id) ? (
          <FinishedRun job={run} expected={program.expectedOutput} />
        ) : (
          <p className="hush" role="status">
            It has not ended yet. This page follows it.
          </p>
        )}
      </section>
    </div>
  );
}

function Archive({ program: { additionalFiles } }: { program: Program }) {
  if (!additionalFiles) return null;
  const save = () => {
    const bytes = Uint8Array.from(atob(additionalFiles), (character) => character.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: 'application/zip' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = 'files.zip';
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <div className="archive">
      <p>More files came with it.</p>
      <button type="button" className="button quiet" onClick={save}>
        Save them as files.zip
      </button>
    </div>
  );
}
