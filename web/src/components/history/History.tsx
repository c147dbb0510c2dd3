'use client';

import { useCallback, useEffect, useRef, useState } from 'react';
import { fetchJob } from '@/lib/client';
import {
  byDay,
  deleteRun,
  everything,
  fetchHistory,
  filterQuery,
  type HistoryFilter,
  type PastRun,
} from '@/lib/history';
import type { Problem } from '@/lib/problem';
import { problemOf } from '@/lib/request';
import { isFinished } from '@/lib/status';
import { PageLink } from '../site/PageLink';
import { Confirm } from '../ui/Confirm';
import { Message, ProblemMessage } from '../ui/Message';
import { toast } from '../ui/toast';
import { Filters } from './Filters';
import { RunRow } from './RunRow';

/** How often runs that have not ended are asked about, and how many of them. */
const LOOK_AGAIN_MS = 2000;
const LOOK_AT_MOST = 5;

export function History({ initial }: { initial: HistoryFilter }) {
  const [filter, setFilter] = useState(initial);
  const change = (next: HistoryFilter) => {
    setFilter(next);
    history.replaceState(null, '', `/history${filterQuery(next)}`);
  };
  return (
    <main className="document">
      <h1>History</h1>
      <Filters filter={filter} onChange={change} />
      <Runs
        key={filterQuery(filter)}
        filter={filter}
        onReset={() => {
          change(everything);
        }}
      />
    </main>
  );
}

function Runs({ filter, onReset }: { filter: HistoryFilter; onReset: () => void }) {
  const list = useHistoryList(filter);
  const { runs, cursor, problem } = list;
  const [chosen, setChosen] = useState<string[]>([]);
  const [deleting, setDeleting] = useState<PastRun | null>(null);
  const [now] = useState(() => new Date());
  const region = useRef<HTMLDivElement>(null);
  const first = runs === null;

  if (first && problem) return <ProblemMessage problem={problem} onRetry={list.more} />;
  if (first) {
    return (
      <div aria-busy="true">
        <p role="status" className="visually-hidden">
          Loading the history
        </p>
        {[0, 1, 2, 3, 4].map((n) => (
          <div key={n} className="skeleton row-skeleton" />
        ))}
      </div>
    );
  }
  if (runs.length === 0 && cursor === null) {
    return filterQuery(filter) === '' ? (
      <Message title="Nothing has run yet">
        <p>What you run is kept here: the program, its input, and what came out of it.</p>
        <PageLink className="button primary" href="/">
          Run some code
        </PageLink>
      </Message>
    ) : (
      <Message title="Nothing like that">
        <p>None of your runs fits all of these filters.</p>
        <button type="button" className="button" onClick={onReset}>
          Show every run
        </button>
      </Message>
    );
  }

  return (
    <div ref={region} tabIndex={-1} className="runs">
      <p role="status" className="visually-hidden">
        {`${runs.length} runs${cursor === null ? '' : ', and more below'}`}
      </p>
      {byDay(runs, now).map((day) => (
        <section key={day.label} aria-label={day.label}>
          <h2 className="day">{day.label}</h2>
          <ul className="run-list">
            {day.runs.map((run) => (
              <RunRow
                key={run.jobId}
                run={run}
                chosen={chosen.includes(run.jobId)}
                mayChoose={chosen.length < 2 || chosen.includes(run.jobId)}
                onChoose={(on) => {
                  setChosen(
                    on ? [...chosen, run.jobId] : chosen.filter((other) => other !== run.jobId),
                  );
                }}
                onDelete={() => {
                  setDeleting(run);
                }}
              />
            ))}
          </ul>
        </section>
      ))}
      <End list={list} />
      {chosen.length > 0 && (
        <CompareBar
          chosen={chosen}
          onClear={() => {
            setChosen([]);
          }}
        />
      )}
      {deleting && (
        <Confirm
          title="Delete this run?"
          action="Delete it"
          onClose={() => {
            setDeleting(null);
          }}
          onConfirm={async () => {
            await deleteRun(deleting.jobId);
            setDeleting(null);
            setChosen(chosen.filter((id) => id !== deleting.jobId));
            list.forget(deleting.jobId);
            toast('The run was deleted.');
            // The row that had the focus is gone.
            region.current?.focus();
          }}
        >
          <p>
            The {deleting.language.name} program, its output and any link to it are gone for good.
          </p>
        </Confirm>
      )}
      {problem && (
        <div role="alert" className="notice">
          <p>{problem.detail}</p>
        </div>
      )}
    </div>
  );
}

function CompareBar({ chosen, onClear }: { chosen: string[]; onClear: () => void }) {
  const [a, b] = chosen;
  return (
    <div className="compare-bar" role="region" aria-label="Chosen runs">
      <p role="status">
        {b === undefined ? 'Choose one more to compare.' : 'Two runs are chosen.'}
      </p>
      {a !== undefined && b !== undefined && (
        <PageLink className="button primary" href={`/history/compare?a=${a}&b=${b}`}>
          Compare
        </PageLink>
      )}
      <button type="button" className="button quiet" onClick={onClear}>
        Clear
      </button>
    </div>
  );
}

type List = ReturnType<typeof useHistoryList>;

/** Loads more when it comes near the screen; a button for whoever gets there otherwise. */
function End({ list: { cursor, loading, problem, more, runs } }: { list: List }) {
  const end = useRef<HTMLDivElement>(null);
  const stuck = problem !== null;
  useEffect(() => {
    if (!end.current || cursor === null || loading || stuck) return;
    const watcher = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) more();
      },
      { rootMargin: '400px' },
    );
    watcher.observe(end.current);
    return () => {
      watcher.disconnect();
    };
  }, [cursor, loading, stuck, more]);

  return (
    <div ref={end} className="end">
      {cursor === null ? (
        <p className="soft">
          {runs?.length === 1 ? 'That is the one run.' : `That is all: ${runs?.length ?? 0} runs.`}
        </p>
      ) : (
        <button type="button" className="button" aria-disabled={loading} onClick={more}>
          {loading ? 'Loading…' : stuck ? 'Try again' : 'Show more'}
        </button>
      )}
    </div>
  );
}

/** The pages of a history that were loaded so far. */
function useHistoryList(filter: HistoryFilter) {
  const [runs, setRuns] = useState<PastRun[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [loading, setLoading] = useState(true);
  const stop = useRef<AbortController | null>(null);

  const load = useCallback(
    (from: string | null) => {
      stop.current?.abort();
      const current = (stop.current = new AbortController());
      fetchHistory(filter, from, current.signal).then(
        (page) => {
          if (current.signal.aborted) return;
          setRuns((before) => merged(before ?? [], page.submissions));
          setCursor(page.next);
          setProblem(null);
          setLoading(false);
        },
        (error: unknown) => {
          if (current.signal.aborted) return;
          setProblem(problemOf(error));
          setLoading(false);
        },
      );
    },
    [filter],
  );

  useEffect(() => {
    load(null);
    return () => stop.current?.abort();
  }, [load]);

  const more = useCallback(() => {
    setLoading(true);
    setProblem(null);
    load(cursor);
  }, [load, cursor]);

  const forget = useCallback((id: string) => {
    setRuns((before) => before?.filter(({ jobId }) => jobId !== id) ?? null);
  }, []);

  const waiting = (runs ?? [])
    .filter(({ status }) => !isFinished(status.id))
    .slice(0, LOOK_AT_MOST)
    .map(({ jobId }) => jobId)
    .join();
  useEffect(() => {
    if (waiting === '') return;
    const timer = setInterval(() => {
      for (const id of waiting.split(',')) {
        fetchJob(id).then(
          (job) => {
            setRuns(
              (before) =>
                before?.map((run) => (run.jobId === id ? { ...run, ...job } : run)) ?? null,
            );
          },
          () => undefined, // the list stays as it is; the next look may succeed
        );
      }
    }, LOOK_AGAIN_MS);
    return () => {
      clearInterval(timer);
    };
  }, [waiting]);

  return { runs, cursor, problem, loading, more, forget };
}

/** A run that arrived between two pages may be on both. */
function merged(before: PastRun[], page: PastRun[]): PastRun[] {
  const known = new Set(before.map(({ jobId }) => jobId));
  return [...before, ...page.filter(({ jobId }) => !known.has(jobId))];
}
