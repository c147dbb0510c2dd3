// Makes Grafana's dashboard: node scripts/dashboard.mjs writes compose/grafana/dashboards/sandgate.json.
// The tests compare the file with what is made here, and ask a real Prometheus every query.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './steps.mjs';

export const dashboardFile = join(root, 'compose', 'grafana', 'dashboards', 'sandgate.json');

const datasource = { type: 'prometheus', uid: '${datasource}' };
const gateway = (name) => `sandgate_gateway_${name}`;

/** The rate of a counter, summed; by a label if one is given. 0 where nothing was counted yet. */
const rate = (counter, by) => {
  const sum = `sum${by ? ` by (${by})` : ''} (rate(${counter}[$__rate_interval]))`;
  return by ? `${sum} or label_replace(vector(0), "${by}", "none", "", "")` : `${sum} or vector(0)`;
};

const quantile = (q, histogram, selector = '') =>
  `histogram_quantile(${q}, sum by (le) (rate(${histogram}_bucket${selector}[$__rate_interval])))`;

/** Median and 99th percentile of a histogram. */
const spread = (histogram, selector, what = '') => [
  [quantile(0.5, histogram, selector), `${what} p50`.trim()],
  [quantile(0.99, histogram, selector), `${what} p99`.trim()],
];

const green = 'green';
const amber = 'orange';
const red = 'red';
const steps = (...pairs) => ({
  mode: 'absolute',
  steps: pairs.map(([value, color]) => ({ value, color })),
});

let nextId;
const panel = (type, title, description, unit, queries, rest) => ({
  id: nextId++,
  type,
  title,
  description,
  datasource,
  targets: queries.map(([expr, legendFormat], i) => ({
    refId: String.fromCharCode(65 + i),
    datasource,
    expr,
    legendFormat,
    range: type === 'timeseries',
    instant: type !== 'timeseries',
  })),
  ...rest(unit),
});

/** A figure with the colour of how well it is. */
const figure = (title, description, unit, expr, thresholds, decimals) =>
  panel('stat', title, description, unit, [[expr, '']], () => ({
    fieldConfig: {
      defaults: { unit, thresholds, color: { mode: 'thresholds' }, noValue: '–', decimals },
      overrides: [],
    },
    options: {
      colorMode: 'background',
      graphMode: 'none',
      justifyMode: 'center',
      textMode: 'value',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
  }));

const graph = (title, description, unit, queries, { stack = false } = {}) =>
  panel('timeseries', title, description, unit, queries, () => ({
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        color: { mode: 'palette-classic' },
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: stack ? 40 : 8,
          showPoints: 'never',
          spanNulls: 60000,
          stacking: { mode: stack ? 'normal' : 'none', group: 'A' },
        },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  }));

/** The panels, by rows. The first row has no title: it answers «is it well?». */
const rows = () => [
  {
    height: 4,
    width: 3,
    panels: [
      figure(
        'Parts that answer',
        'Of all processes that Prometheus knows.',
        'percentunit',
        'count(up == 1) / count(up)',
        steps([null, red], [0.9, amber], [1, green]),
      ),
      figure(
        'Alerts',
        'Alerts that fire now.',
        'none',
        'count(ALERTS{alertstate="firing"}) or vector(0)',
        steps([null, green], [1, red]),
      ),
      figure(
        'Taken in',
        'Submissions a second.',
        'short',
        rate(gateway('submissions_total')),
        steps([null, 'blue']),
        1,
      ),
      figure(
        'Longest wait',
        'How long the submission has waited that waits longest, at a gateway or for a worker.',
        's',
        `max(${gateway('oldest_waiting_seconds')}) > max(judge0_queue_oldest_seconds) or max(judge0_queue_oldest_seconds)`,
        steps([null, green], [5, amber], [30, red]),
        1,
      ),
      figure(
        'Waiting',
        'Submissions that wait, at the gateways and for workers.',
        'short',
        `sum(${gateway('waiting')}) + max(judge0_queue_depth)`,
        steps([null, green], [100, amber], [1000, red]),
        0,
      ),
      figure(
        'Busy',
        'Slots of the workers that run a program.',
        'percentunit',
        'sum(judge0_runs_in_flight) / sum(judge0_slots)',
        steps([null, green], [0.8, amber], [1, red]),
        0,
      ),
      figure(
        'Run, p99',
        'From taken by a worker to recorded: all but one in a hundred are faster.',
        's',
        quantile(0.99, 'judge0_run_duration_seconds'),
        steps([null, green], [5, amber], [15, red]),
        2,
      ),
      figure(
        'Errors',
        'Requests that were answered with 5xx.',
        'percentunit',
        `(sum(rate(${gateway('requests_total')}{status=~"5.."}[$__rate_interval])) or vector(0)) / sum(rate(${gateway('requests_total')}[$__rate_interval]))`,
        steps([null, green], [0.001, amber], [0.01, red]),
        2,
      ),
    ],
  },
  {
    title: 'Submissions',
    height: 8,
    width: 8,
    panels: [
      graph('In and out', 'Submissions taken in, and results recorded, a second.', 'short', [
        [rate(gateway('submissions_total')), 'taken in'],
        [rate(gateway('results_total')), 'ended'],
      ]),
      graph(
        'Results by status',
        "Judge0's statuses. Internal Error is the engine's fault.",
        'short',
        [[rate(gateway('results_total'), 'status'), '{{status}}']],
        { stack: true },
      ),
      graph('Waiting', 'Where submissions are.', 'short', [
        [`sum(${gateway('waiting')})`, 'at gateways'],
        ['max(judge0_queue_depth)', 'for a worker'],
        ['sum(judge0_runs_in_flight)', 'running'],
        [`sum(${gateway('pool_window')})`, 'most that the engine is handed'],
      ]),
      graph('Age of the oldest', 'Grows without end if work is not being done.', 's', [
        [`max(${gateway('oldest_waiting_seconds')})`, 'at a gateway'],
        ['max(judge0_queue_oldest_seconds)', 'for a worker'],
      ]),
      graph('Time of a run', 'Compiling and recording included.', 's', [
        ...spread('judge0_run_duration_seconds', '', 'run'),
        ...spread('judge0_queue_wait_seconds', '', 'wait for a worker'),
      ]),
      graph(
        'Workers',
        'What the demand takes at four fifths of their slots, and what there is.',
        'short',
        [
          ['sandgate:workers_wanted:count', 'wanted'],
          ['count(judge0_slots)', 'there'],
        ],
      ),
    ],
  },
  {
    title: 'Gateways',
    height: 8,
    width: 8,
    panels: [
      graph(
        'Time to answer',
        'Submissions; with wait=true, the run is part of it.',
        's',
        spread(gateway('request_seconds'), '{route=~"/submissions.*|/api/v1/run"}'),
      ),
      graph(
        'Requests by status',
        'A second.',
        'short',
        [[rate(gateway('requests_total'), 'status'), '{{status}}']],
        { stack: true },
      ),
      graph('Refused', 'Requests over a limit, a second.', 'short', [
        [rate(gateway('limited_total'), 'kind'), 'rate of {{kind}}'],
        [rate(gateway('quota_refusals_total'), 'quota'), 'quota of {{quota}}'],
      ]),
      graph(
        'Live connections',
        'Event streams and sockets; those that were refused, a second.',
        'short',
        [
          [`sum by (kind) (${gateway('live_connections')})`, 'open: {{kind}}'],
          [rate(gateway('live_refused_total'), 'reason'), 'refused: {{reason}}'],
          [rate(gateway('live_dropped_total'), 'reason'), 'dropped: {{reason}}'],
        ],
      ),
      graph('Callbacks to clients', 'Attempts a second, and what waits.', 'short', [
        [rate(gateway('webhooks_total'), 'outcome'), '{{outcome}}'],
        [`max(${gateway('webhooks_pending')})`, 'pending'],
      ]),
      graph(
        'Time of the store',
        'A submission waits for it.',
        's',
        spread(gateway('store_seconds')),
      ),
    ],
  },
  {
    title: 'Engine',
    height: 8,
    width: 8,
    panels: [
      graph(
        'Boxes',
        'Of the sandbox: ready ones are built ahead of need.',
        'short',
        [['sum by (state) (judge0_sandbox_boxes)', '{{state}}']],
        { stack: true },
      ),
      graph('Time for a box', 'To build one, and that a submission waits for one.', 's', [
        [quantile(0.99, 'judge0_sandbox_build_seconds'), 'build p99'],
        [quantile(0.99, 'judge0_sandbox_box_wait_seconds'), 'wait p99'],
      ]),
      graph('Trouble', 'A second: all should be none.', 'short', [
        [rate('judge0_leases_reclaimed_total'), 'taken over from a lost worker'],
        [rate('judge0_requeued_total'), 'queued again'],
        [rate('judge0_lost_too_often_total'), 'given up'],
        [rate('judge0_sandbox_build_errors_total'), 'box not built'],
        [rate('judge0_backend_errors_total', 'backend'), 'call failed: {{backend}}'],
      ]),
      graph(
        'Handed to the engine',
        'Submissions a second, by what became of it.',
        'short',
        [[rate(gateway('dispatched_total'), 'outcome'), '{{outcome}}']],
        { stack: true },
      ),
      graph('Programs by language', 'A second, by the id of the language.', 'short', [
        [rate('judge0_runs_total', 'language'), '{{language}}'],
      ]),
      graph("Time of the engine's store", 'PostgreSQL, or SQLite.', 's', [
        ...spread('judge0_store_commit_seconds'),
      ]),
    ],
  },
  {
    title: 'Machine and parts',
    height: 8,
    width: 8,
    panels: [
      graph('CPU', 'Cores in use by our processes, without the programs they run.', 'short', [
        [
          'sum by (job, instance) (rate(process_cpu_seconds_total[$__rate_interval]))',
          '{{job}} {{instance}}',
        ],
      ]),
      graph('Memory', 'Of our processes.', 'bytes', [
        ['sum by (job, instance) (process_resident_memory_bytes)', '{{job}} {{instance}}'],
      ]),
      graph('nginx', 'Connections, and requests a second.', 'short', [
        ['sum by (balancer) (nginx_connections_active)', '{{balancer}} connections'],
        [
          'sum by (balancer) (rate(nginx_http_requests_total[$__rate_interval]))',
          '{{balancer}} requests',
        ],
      ]),
      graph('Redis, memory', 'When it is full, submissions are refused.', 'bytes', [
        ['sum(redis_memory_used_bytes)', 'used'],
        ['sum(redis_memory_max_bytes)', 'most'],
      ]),
      graph('Redis, commands', 'A second.', 'short', [
        ['sum(rate(redis_commands_processed_total[$__rate_interval]))', 'commands'],
      ]),
      graph('PostgreSQL', 'Connections, and transactions a second.', 'short', [
        ['sum by (state) (pg_stat_activity_count{datname="judge0"})', '{{state}}'],
        [
          'sum(rate(pg_stat_database_xact_commit{datname="judge0"}[$__rate_interval]))',
          'transactions',
        ],
      ]),
    ],
  },
];

/** The dashboard as Grafana reads it. */
export function dashboard() {
  nextId = 1;
  const panels = [];
  let y = 0;
  for (const { title, height, width, panels: row } of rows()) {
    if (title)
      panels.push({
        id: 1000 + y,
        type: 'row',
        title,
        collapsed: false,
        gridPos: { x: 0, y: y++, w: 24, h: 1 },
        panels: [],
      });
    row.forEach((one, i) => {
      const x = (i * width) % 24;
      const line = Math.floor((i * width) / 24);
      panels.push({ ...one, gridPos: { x, y: y + line * height, w: width, h: height } });
    });
    y += Math.ceil((row.length * width) / 24) * height;
  }
  return {
    uid: 'sandgate',
    title: 'Sandgate',
    tags: ['sandgate'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    timezone: 'browser',
    time: { from: 'now-30m', to: 'now' },
    refresh: '5s',
    graphTooltip: 1,
    annotations: { list: [] },
    links: [],
    templating: {
      list: [
        {
          name: 'datasource',
          label: 'Prometheus',
          type: 'datasource',
          query: 'prometheus',
          current: {},
          hide: 0,
          refresh: 1,
          options: [],
        },
      ],
    },
    panels,
  };
}

/** Every query of the dashboard, as Prometheus takes it: [{panel, expr}]. */
export function queries(rateInterval = '1m') {
  return dashboard().panels.flatMap((one) =>
    (one.targets ?? []).map(({ expr }) => ({
      panel: one.title,
      expr: expr.replaceAll('$__rate_interval', rateInterval),
    })),
  );
}

export const dashboardText = () => JSON.stringify(dashboard(), null, 2) + '\n';

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(dashboardFile, dashboardText());
