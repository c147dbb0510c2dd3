import type { Job } from '@/lib/api';
import { formatKilobytes, formatSeconds, formatSignal } from '@/lib/format';
import { didRun, explain, toneOf } from '@/lib/status';
import { OutputBlock } from './OutputBlock';

export function FinishedRun({ job }: { job: Job }) {
  const silent = !job.output && !job.stderr;
  // The summary repeats what the other fields say; it is worth a line only without them.
  const note = job.message ?? (silent && !job.compileOutput ? job.error : null);

  return (
    <>
      <div className="summary" data-tone={toneOf(job.status.id)}>
        <p>{explain(job)}</p>
        {note && <p className="note">{note}</p>}
        <Figures job={job} />
      </div>
      <div className="outputs">
        {job.compileOutput && (
          <OutputBlock
            title="Compiler output"
            text={job.compileOutput}
            tone={job.status.id === 6 ? 'bad' : 'plain'}
          />
        )}
        {job.output && <OutputBlock title="Output" aside="stdout" text={job.output} tone="plain" />}
        {job.stderr && <OutputBlock title="Errors" aside="stderr" text={job.stderr} tone="bad" />}
        {silent && didRun(job.status.id) && <p className="hush">The program printed nothing.</p>}
      </div>
    </>
  );
}

function Figures({ job }: { job: Job }) {
  const figures: [string, string | null][] = [
    ['CPU time', job.time === null ? null : formatSeconds(job.time)],
    ['Wall time', job.wallTime === null ? null : formatSeconds(job.wallTime)],
    ['Memory', job.memory === null ? null : formatKilobytes(job.memory)],
    job.exitSignal
      ? ['Signal', formatSignal(job.exitSignal)]
      : ['Exit code', job.exitCode === null ? null : String(job.exitCode)],
  ];
  const known = figures.filter(([, value]) => value !== null);
  if (known.length === 0) return null;
  return (
    <dl className="figures">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
