import type { Diagnostic } from '@/lib/api';
import { formatKilobytes, formatSeconds } from '@/lib/format';
import { shownRun, type Run, type Runs } from '@/lib/runs';
import type { RunState } from '@/lib/runState';
import { toneOf } from '@/lib/status';
import { RunBody } from './RunBody'; // not lazy: it also tells that the network is gone
import { StatusPill } from './StatusPill';
import { Tabs } from './ui/Tabs';

interface Props {
  runs: Runs;
  onAgain: () => void;
  onShow: (number: number) => void;
  onRemove: (number: number) => void;
  onFollow: (number: number, jobId: string) => void;
  onLeave: (number: number) => void;
  onGoTo: (problem: Diagnostic) => void;
}

export function ResultPanel({ runs, onShow, onRemove, ...actions }: Props) {
  const run = shownRun(runs);
  const several = runs.list.length > 1;
  return (
    <section
      className="panel panel-result"
      data-part="result"
      data-phase={run?.state.phase ?? 'idle'}
      aria-labelledby="result-title"
    >
      <div className="panel-head">
        <h2 id="result-title">Result</h2>
        {several && run && (
          <Tabs
            prefix="run"
            label="Runs"
            controls="result-body"
            tabs={runs.list.map((each) => ({
              id: String(each.number),
              name: `Run ${each.number}, ${each.label}, ${inWord(each.state)}`,
              title: `${each.label}: ${inWord(each.state)} (Delete removes it)`,
              label: (
                <>
                  <span className="dot" data-tone={toneOfState(each.state)} aria-hidden="true" />
                  {each.number}
                </>
              ),
            }))}
            value={String(run.number)}
            onChange={(number) => {
              onShow(Number(number));
            }}
            onKey={(event, number) => {
              if (event.key === 'Delete') onRemove(Number(number));
            }}
          />
        )}
        {run && <StatusPill key={run.number} state={run.state} />}
      </div>
      <p role="status" className="visually-hidden">
        {run ? announcement(run) : ''}
      </p>
      <div
        id="result-body"
        className="result"
        aria-busy={run?.state.phase === 'running'}
        {...(several && run && { role: 'tabpanel', 'aria-labelledby': `run-tab-${run.number}` })}
      >
        {run ? (
          <RunBody key={run.number} run={run} runs={runs} {...actions} />
        ) : (
          <p className="hush">Press Run, and what the program prints appears here.</p>
        )}
      </div>
    </section>
  );
}

function toneOfState(state: RunState): string {
  if (state.phase === 'finished') return toneOf(state.job.status.id);
  return state.phase === 'running' ? 'busy' : state.phase === 'left' ? 'warning' : 'bad';
}

function inWord(state: RunState): string {
  switch (state.phase) {
    case 'running':
      return state.status?.description ?? 'Sending';
    case 'finished':
      return state.job.status.description;
    case 'left':
      return 'not waited for';
    case 'failed':
      return state.jobId === null ? 'not run' : 'result unknown';
  }
}

/** What a screen reader says: every change once, and never the ticking clock. */
function announcement({ state }: Run): string {
  switch (state.phase) {
    case 'running':
      if (state.lost) return 'Connection lost, reconnecting';
      return state.status?.description ?? '';
    case 'finished': {
      const { status, time, memory } = state.job;
      const cost = [
        time === null ? null : formatSeconds(time),
        memory === null ? null : formatKilobytes(memory),
      ].filter((part) => part !== null);
      return ['Finished: ' + status.description, ...cost].join(', ');
    }
    case 'left':
      return 'Stopped waiting';
    case 'failed':
      return `${state.problem.title}. ${state.problem.detail}`;
  }
}
