// The tests of the monitoring: `npm run test:monitoring`, and within npm test. The rules with promtool,
// which comes from Debian's package, unpacked into bin/cache; the dashboard against what makes it. On the
// cluster of the tests, a Prometheus that scrapes all of it is asked every query under load.
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { counter } from './count.mjs';
import { dashboardFile, dashboardText, queries } from './dashboard.mjs';
import { bin, root, run } from './steps.mjs';

const rules = join(root, 'compose', 'prometheus');
const place = join(bin, 'cache', 'prometheus');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Gives the program promtool, or why there is none. */
async function promtool() {
  if ((await run('promtool', ['--version'])).code === 0) return { path: 'promtool' };
  const program = join(place, 'promtool');
  if (existsSync(program)) return { path: program };
  const unpacked = join(place, 'unpacked');
  mkdirSync(unpacked, { recursive: true });
  try {
    let fetched = await run('apt-get', ['download', 'prometheus'], { cwd: place });
    if (fetched.code !== 0 && process.getuid() === 0) {
      await run('apt-get', ['update', '-qq']);
      fetched = await run('apt-get', ['download', 'prometheus'], { cwd: place });
    }
    const deb = readdirSync(place).find((name) => name.endsWith('.deb'));
    if (!deb)
      return { reason: `Debian's package of Prometheus can't be had: ${fetched.output.trim()}` };
    const { code, output } = await run('dpkg-deb', ['-x', join(place, deb), unpacked]);
    if (code !== 0) return { reason: output.trim() };
    copyFileSync(join(unpacked, 'usr', 'bin', 'promtool'), program);
    rmSync(join(place, deb));
    return { path: program };
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
}

/** Metrics of exporters, which docs/metrics.md does not list. */
const foreign = /^(up|ALERTS|process_|go_|nginx_|redis_|pg_|sandgate:)/;

/** Names of metrics that queries and rules use and the document does not know. */
function unknownMetrics() {
  const known = new Set(
    [
      ...readFileSync(join(root, 'docs', 'metrics.md'), 'utf8').matchAll(
        /`((?:sandgate|judge0)_\w+)`/g,
      ),
    ].map((match) => match[1]),
  );
  const text =
    queries()
      .map(({ expr }) => expr)
      .join('\n') + readFileSync(join(rules, 'rules.yml'), 'utf8');
  const used = new Set(
    [...text.matchAll(/\b(?:sandgate_gateway|judge0)_\w+/g)].map((match) => match[0]),
  );
  return [...used].filter(
    (name) =>
      !foreign.test(name) &&
      !known.has(name) &&
      !known.has(name.replace(/_(bucket|sum|count)$/, '')),
  );
}

/** The tests that need no cluster. */
export async function monitoringTests(count) {
  const written = readFileSync(dashboardFile, 'utf8') === dashboardText();
  if (!written) console.log('node scripts/dashboard.mjs makes the dashboard anew');
  const strangers = unknownMetrics();
  if (strangers.length) console.log(`docs/metrics.md has no ${strangers.join(', ')}`);
  const good = [written, strangers.length === 0].filter(Boolean).length;
  count('Monitoring, the dashboard and its metrics', { passed: good, failed: 2 - good });
  const tool = await promtool();
  if (!tool.path) {
    count('Monitoring, rules', { skipped: 1 }, tool.reason);
    return;
  }
  const sum = { passed: 0, failed: 0 };
  for (const args of [
    ['check', 'rules', 'rules.yml'],
    ['test', 'rules', 'rules.test.yml'],
    ['check', 'config', '--syntax-only', 'prometheus.yml'],
  ]) {
    const { code, output } = await run(tool.path, args, { cwd: rules });
    if (code !== 0) console.log(output.trimEnd());
    sum[code === 0 ? 'passed' : 'failed']++;
  }
  count('Monitoring, rules and configuration', sum);
}

/** Asks a Prometheus; gives its answer's data. */
async function ask(prometheus, path, parameters = {}) {
  const answer = await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const body = await answer.json();
  if (body.status !== 'success') throw new Error(`${parameters.query ?? path}: ${body.error}`);
  return body.data;
}

/** Waits until all targets answer; gives how many there are. */
export async function untilScraped(prometheus, jobs, patience = 60_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const { activeTargets } = await ask(prometheus, 'targets', { state: 'active' });
    const down = activeTargets.filter((target) => target.health !== 'up');
    const missing = jobs.filter(
      (job) => !activeTargets.some((target) => target.labels.job === job),
    );
    if (down.length === 0 && missing.length === 0) return activeTargets.length;
    if (Date.now() > deadline)
      throw new Error(
        [
          ...down.map((t) => `${t.scrapeUrl}: ${t.lastError}`),
          ...missing.map((job) => `no ${job}`),
        ].join('; '),
      );
    await sleep(1000);
  }
}

/** Asks every query of the dashboard until each has data; gives how many there are, and which never had any. */
export async function askAll(prometheus, { patience = 60_000, except = () => false } = {}) {
  const all = queries('20s').filter(({ expr }) => !except(expr));
  const deadline = Date.now() + patience;
  for (;;) {
    const empty = [];
    for (const one of all) {
      const { result } = await ask(prometheus, 'query', { query: one.expr });
      const figures = result.filter(({ value }) => !Number.isNaN(Number(value[1])));
      if (figures.length === 0) empty.push(`${one.panel}: ${one.expr}`);
    }
    if (empty.length === 0 || Date.now() > deadline) return { asked: all.length, empty };
    await sleep(2000);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { count, total, report } = counter();
  const [prometheus] = process.argv.slice(2);
  if (prometheus) {
    // A Prometheus that runs: what of the dashboard it can show.
    const { asked, empty } = await askAll(prometheus, { patience: 5000 });
    console.log(empty.join('\n'));
    count('Queries of the dashboard', { passed: asked - empty.length, failed: empty.length });
  } else await monitoringTests(count);
  report();
  process.exitCode = total.failed > 0 ? 1 : 0;
}
