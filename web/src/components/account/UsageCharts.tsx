'use client';

import { fetchUsage, lastDays, scaleEnd, type Usage } from '@/lib/account';
import { ProblemMessage } from '../ui/Message';
import { useLoaded } from '../useLoaded';

const DAYS = 30;

export function UsageCharts() {
  const { state, retry } = useLoaded(fetchUsage);
  return (
    <section aria-labelledby="usage" aria-busy={state.phase === 'loading'}>
      <h2 id="usage">Usage</h2>
      {state.phase === 'loading' && (
        <>
          <p role="status" className="visually-hidden">
            Loading the usage
          </p>
          <div className="usage">
            <div className="card skeleton tall" />
            <div className="card skeleton tall" />
          </div>
        </>
      )}
      {state.phase === 'failed' && <ProblemMessage problem={state.problem} onRetry={retry} />}
      {state.phase === 'ready' && <Charts usage={state.value} />}
    </section>
  );
}

function Charts({ usage }: { usage: Usage }) {
  const days = lastDays(usage, DAYS);
  const { limits, today } = usage;
  return (
    <>
      <div className="usage">
        <Chart
          title="Runs"
          unit="runs"
          days={days.map(({ day, submissions }) => ({ day, value: submissions }))}
          today={today.submissions}
          limit={limits.dailySubmissions}
        />
        <Chart
          title="CPU time"
          unit="seconds"
          days={days.map(({ day, cpuSeconds }) => ({ day, value: cpuSeconds }))}
          today={today.cpuSeconds}
          limit={limits.dailyCpuSeconds}
        />
      </div>
      <p className="soft small">
        Days begin at midnight UTC.
        {limits.rate !== null &&
          ` You can send ${number(limits.rate)} requests a second, ${number(limits.burst ?? 0)} at once.`}
      </p>
      <details className="figures-table">
        <summary>The same in figures</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">Day</th>
              <th scope="col">Runs</th>
              <th scope="col">CPU seconds</th>
            </tr>
          </thead>
          <tbody>
            {days
              .filter(({ submissions, cpuSeconds }) => submissions > 0 || cpuSeconds > 0)
              .reverse()
              .map(({ day, submissions, cpuSeconds }) => (
                <tr key={day}>
                  <th scope="row">{day}</th>
                  <td>{number(submissions)}</td>
                  <td>{number(cpuSeconds)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </>
  );
}

interface ChartProps {
  title: string;
  unit: string;
  days: { day: string; value: number }[];
  today: number;
  limit: number | null;
}

const WIDTH = 300;
const HEIGHT = 80;

function Chart({ title, unit, days, today, limit }: ChartProps) {
  const largest = Math.max(...days.map(({ value }) => value));
  const end = scaleEnd(largest);
  const step = WIDTH / days.length;
  const total = days.reduce((sum, { value }) => sum + value, 0);
  return (
    <div className="card chart">
      <div className="chart-head">
        <h3>{title}</h3>
        <p>
          <strong>{number(today)}</strong>
          {limit === null ? ' today' : ` of ${number(limit)} ${unit} today`}
        </p>
      </div>
      {limit !== null && <Meter label={`${title} used today`} value={today} limit={limit} />}
      <svg
        role="img"
        aria-label={`${title} of the last ${days.length} days: ${number(total)} ${unit} in all, ${number(largest)} on the busiest day`}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="bars"
      >
        {days.map(({ day, value }, at) => {
          const height = value > 0 ? Math.max(2, (value / end) * (HEIGHT - 1)) : 1;
          return (
            <rect
              key={day}
              className={value > 0 ? 'bar' : 'bar none'}
              x={at * step + step * 0.15}
              width={step * 0.7}
              y={HEIGHT - height}
              height={height}
            >
              <title>{`${shortDay(day)}: ${number(value)} ${unit}`}</title>
            </rect>
          );
        })}
      </svg>
      <p className="axis" aria-hidden="true">
        <span>{shortDay(days[0]?.day ?? '')}</span>
        <span>busiest day {number(largest)}</span>
        <span>today</span>
      </p>
    </div>
  );
}

function Meter({ label, value, limit }: { label: string; value: number; limit: number }) {
  const share = limit > 0 ? Math.min(1, value / limit) : 1;
  return (
    <svg
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={limit}
      aria-valuenow={Math.min(value, limit)}
      className="meter"
      data-tone={share >= 1 ? 'bad' : share >= 0.8 ? 'warning' : 'good'}
    >
      <rect className="meter-track" width="100%" height="100%" rx="3" />
      {share > 0 && (
        <rect className="meter-value" width={`${Math.max(1, share * 100)}%`} height="100%" rx="3" />
      )}
    </svg>
  );
}

function number(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 });
}

function shortDay(day: string): string {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString('en', {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
}
