// npm run bench:docs: writes the figures of the last runs (bin/*.json) into docs/performance.md and
// docs/reliability.md, between their markers, and draws their charts. What was not run stays as it is.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, root, run } from './steps.mjs';

const charts = join(root, 'docs', 'charts');

function read(name) {
  const file = join(bin, `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function number(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  // What is that small comes from fitting a line to what stays as it is.
  return String(Math.abs(value) < 1e-9 ? 0 : Number(value.toPrecision(3)));
}

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** A bar for each entry of {name, value, label}; a line where the target is. Readable on light and dark. */
function barChart(file, title, bars, { unit, target } = {}) {
  const [left, width, step] = [300, 340, 26];
  const most = Math.max(...bars.map(({ value }) => value), target ?? 0) * 1.02;
  const x = (value) => (value / most) * width;
  const height = 44 + bars.length * step + (target ? 18 : 0);
  const lines = bars.map(({ name, value, label }, i) => {
    const y = 40 + i * step;
    return [
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escape(name)}</text>`,
      `<rect x="${left}" y="${y}" width="${x(value).toFixed(1)}" height="18" rx="2"/>`,
      `<text class="value" x="${(left + x(value) + 6).toFixed(1)}" y="${y + 14}">${escape(label)}</text>`,
    ].join('\n  ');
  });
  if (target)
    lines.push(
      `<line x1="${left + x(target)}" x2="${left + x(target)}" y1="34" y2="${height - 18}"/>`,
      `<text class="value" x="${left + x(target)}" y="${height - 4}" text-anchor="middle">target ${number(target)}${unit}</text>`,
    );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 ${height}" role="img" aria-label="${escape(title)}">
  <style>
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 15px; }
    .value { fill: #59636e; }
    rect { fill: #2f6feb; }
    line { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 4 3; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .value { fill: #9198a1; }
      rect { fill: #4493f8; }
      line { stroke: #f85149; }
    }
  </style>
  <text class="title" x="8" y="20">${escape(title)}</text>
  ${lines.join('\n  ')}
</svg>
`;
  mkdirSync(charts, { recursive: true });
  writeFileSync(join(charts, file), svg);
  return `![${title}](charts/${file})`;
}

const spread = (r) => (r.low ? `${number(r.low)} … ${number(r.high)}` : '');

const compared = (rows) =>
  table(
    ['', 'figure', 'beside', 'ratio', '10th … 90th'],
    rows.map((r) => [
      r.name,
      `${number(r.value)} ${r.unit}`,
      `${r.compared}: ${number(r.base)} ${r.unit}`,
      number(r.ratio),
      spread(r),
    ]),
  );

/** The targets: {what, of the rows, the figure, at most or at least}. */
const targets = [
  [
    'Python, `wait=true` p50 ÷ plain',
    'wait=true p50, Python, gateway',
    'fork+exec',
    'ratio',
    '≤',
    2,
  ],
  [
    'finished a second ÷ plain, Python',
    'finished a second, Python, gateway',
    '',
    'ratio',
    '≥',
    0.6,
  ],
  ['accepted a second, durable', 'accepted a second (async), gateway', '', 'value', '≥', 3000],
  ['reads a second', 'reads a second by token, gateway', '', 'value', '≥', 15000],
  [
    'added by the gateway at p50, Python, ms',
    'wait=true p50, Python, gateway',
    'engine alone',
    'added',
    '≤',
    1.5,
  ],
  [
    'memory at rest, all together, MB',
    'memory at rest, with boxes and the web client',
    '',
    'value',
    '≤',
    120,
  ],
  [
    'accepted with 100,000 stored ÷ with 1,000',
    'accepted a second, 100,000 stored',
    '',
    'ratio',
    '≥',
    0.8,
  ],
  [
    'accepted with 1,000,000 stored ÷ with 1,000',
    'accepted a second, 1,000,000 stored',
    '',
    'ratio',
    '≥',
    0.8,
  ],
];

function bench() {
  const report = read('bench');
  if (!report || report.rows.length === 0) return {};
  const of = (section) => report.rows.filter((r) => r.section === section);
  const found = targets.flatMap(([what, name, beside, figure, sense, wanted]) => {
    const r = report.rows.find(
      (one) => one.name === name && (one.compared ?? '').startsWith(beside),
    );
    if (!r) return [];
    const value = figure === 'added' ? r.value - r.base : r[figure];
    const met = sense === '≤' ? value <= wanted : value >= wanted;
    return [
      [
        what,
        number(value),
        figure === 'ratio' ? spread(r) : '',
        `${sense} ${number(wanted)}`,
        met ? 'yes' : '**no**',
      ],
    ];
  });
  const latency = of('latency').filter((r) => r.compared === 'fork+exec');
  return {
    machine: `\`npm run bench\` on ${report.machine}; isolation by ${report.isolation}.`,
    targets: table(['', 'measured', '10th … 90th', 'target', 'met'], found),
    latency: [
      compared(of('latency')),
      barChart(
        'latency.svg',
        'wait=true ÷ the same program run plainly',
        latency.map((r) => ({ name: r.name, value: r.ratio, label: `${number(r.ratio)} ×` })),
        { unit: ' ×', target: 2 },
      ),
    ].join('\n\n'),
    throughput: compared(of('throughput')),
    growth: [
      compared(of('growth')),
      barChart(
        'growth.svg',
        'rate with much ÷ rate with little',
        of('growth')
          .filter((r) => !r.name.includes('workers'))
          .map((r) => ({
            name: r.name.replace(' a second', ''),
            value: r.ratio,
            label: number(r.ratio),
          })),
        { unit: '', target: 0.8 },
      ),
    ].join('\n\n'),
    resources: table(
      ['', ''],
      of('resources').map((r) => [r.name, `${number(r.value)} ${r.unit}`]),
    ),
  };
}

function languages() {
  const report = read('bench-languages');
  if (!report) return {};
  return {
    languages: [
      compared(report.rows),
      barChart(
        'languages.svg',
        'hello, compiling included ÷ the same run plainly',
        report.rows.map((r) => ({ name: r.name, value: r.ratio, label: `${number(r.ratio)} ×` })),
      ),
    ].join('\n\n'),
  };
}

const shares = (of, list) =>
  table(
    ['function', `share of the ${of}`],
    list.map((s) => [`\`${s.name}\``, `${s.percent.toFixed(1)} %`]),
  );

function profiles() {
  const report = read('bench-profiles');
  if (!report) return {};
  return {
    profiles: report.profiles
      .map((p) =>
        [
          `### ${p.path}`,
          `${number(p.requestsPerSecond)} a second. System calls for each: ${p.syscalls
            .filter((s) => s.callsPerRequest >= 0.02)
            .map((s) => `${number(s.callsPerRequest)} \`${s.name}\``)
            .join(', ')}.`,
          shares('CPU time', p.cpu),
          `${number(p.allocatedBytesPerRequest / 1024)} KiB are allocated for each.`,
          shares('bytes allocated', p.allocations),
          `All goroutines together wait ${number(1000 * p.lockedMsPerRequest)} µs for locks.`,
        ].join('\n\n'),
      )
      .join('\n\n'),
  };
}

function live() {
  const rows = read('live');
  if (!rows) return {};
  const kinds = { sse: 'event stream', socket: 'Socket.IO, web socket' };
  const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
  return {
    'live memory': table(
      ['', 'all', 'stacks', 'heap', 'of the heap'],
      rows.map((r) => [
        kinds[r.kind],
        kilobytes(r.bytesEach),
        kilobytes(r.stackEach),
        kilobytes(r.heapEach),
        (r.parts ?? []).map((p) => `${p.whose} ${kilobytes(p.bytesEach)}`).join(', '),
      ]),
    ),
    live: table(
      [
        '',
        'connections',
        'gateways',
        'memory each',
        'results',
        'p50',
        'p99',
        'a read: before, held, while others are refused',
      ],
      rows.map((r) => [
        kinds[r.kind],
        number(r.connections),
        r.gateways,
        kilobytes(r.bytesEach),
        number(r.delivered),
        `${number(r.medianMs)} ms`,
        `${number(r.p99Ms)} ms`,
        [r.readBeforeMs, r.readHeldMs, r.readRefusingMs].map((v) => `${number(v)} ms`).join(', '),
      ]),
    ),
  };
}

function drill() {
  const report = read('drill');
  if (!report) return {};
  const rows = report.rows.map((r) =>
    r.skipped
      ? [r.site, r.fault, 'skipped: ' + r.skipped, '', '', '', '', '', '']
      : [
          r.site,
          r.fault,
          number(r.submissions),
          number(r.accepted),
          number(r.refused + r.broken),
          number(r.repeated),
          number(r.ended),
          `${r.gapSeconds.toFixed(1)} s`,
          `${r.slowestSeconds.toFixed(1)} s`,
        ],
  );
  const sum = (name) => report.rows.reduce((total, r) => total + (r[name] ?? 0), 0);
  return {
    drill: [
      `${number(sum('submissions'))} submissions, ${number(sum('accepted'))} accepted, ${number(sum('ended'))} ended; violations: ${(report.violations ?? []).length}. ${report.machine}.`,
      table(
        [
          'installation',
          'fault',
          'sent',
          'accepted',
          'to be repeated',
          'repeats of accepted',
          'ended',
          'longest gap',
          'slowest',
        ],
        rows,
      ),
    ].join('\n\n'),
  };
}

function soak() {
  const report = read('soak');
  if (!report) return {};
  return {
    soak: [
      `${number(report.seconds / 60)} minutes: ${number(report.ended)} good submissions, ${number(report.hostile)} hostile ones, ${number(report.careless)} bad requests; kept for ${number(report.retentionSeconds / 60)} minutes. Problems: ${(report.problems ?? []).length}. ${report.machine}.`,
      table(
        ['', 'median', 'growth in the last two thirds', 'at rest before', 'at rest after', ''],
        report.trends.map((t) => [
          t.name,
          `${number(t.median)} ${t.unit}`,
          `${number(t.growth)} ${t.unit}`,
          number(t.atRestBefore),
          number(t.atRestAfter),
          t.grows ? '**grows**' : 'flat',
        ]),
      ),
    ].join('\n\n'),
  };
}

for (const [file, parts] of Object.entries({
  'performance.md': { ...bench(), ...languages(), ...live(), ...profiles() },
  'reliability.md': { ...drill(), ...soak() },
})) {
  const path = join(root, 'docs', file);
  let text = readFileSync(path, 'utf8');
  for (const [name, part] of Object.entries(parts)) {
    const [begin, end] = [`<!-- figures: ${name} -->`, `<!-- /figures: ${name} -->`];
    if (!text.includes(begin)) throw new Error(`docs/${file} has no place for ${name}`);
    text = `${text.split(begin)[0]}${begin}\n\n${part}\n\n${end}${text.split(end)[1]}`;
    console.log(`  docs/${file}: ${name}`);
  }
  writeFileSync(path, text);
}
await run(join(root, 'web', 'node_modules', '.bin', 'prettier'), [
  '--write',
  'docs/performance.md',
  'docs/reliability.md',
]);
