// npm test: installs what the tests need, then checks, unit tests, tests on the real sandbox with the
// race detector, a browser against the running whole, and the cluster where Docker can run. Ends with
// counts. `npm test lint` (npm run lint) does the checks alone; `npm test -- --cluster`, which CI calls,
// installs Docker where it is missing, and breaks every part of the cluster as well.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterTests } from './cluster-tests.mjs';
import { counter, testsOf } from './count.mjs';
import { deployTests } from './deploy-tests.mjs';
import { fuzz } from './fuzz.mjs';
import { monitoringTests } from './monitoring-tests.mjs';
import { has, installPackages } from './packages.mjs';
import {
  bin,
  buildGo,
  buildWeb,
  checkMachine,
  freePort,
  install,
  installTestClients,
  root,
  run,
} from './steps.mjs';
import { versions } from './versions.mjs';

const web = join(root, 'web');
const { count, total, report } = counter();

/** A check that counts as one test. */
async function check(title, command, args, { cwd = root, bad = () => false } = {}) {
  const { code, output } = await run(command, args, { cwd });
  const failed = code !== 0 || bad(output);
  if (failed) console.log(output.trimEnd());
  count(title, failed ? { failed: 1 } : { passed: 1 });
}

/** Installs what is missing, where that is possible; what stays missing makes tests skip. */
async function prepareMachine() {
  const wanted = {
    chromium: 'chromium',
    curl: 'curl',
    gcc: 'gcc',
    'g++': 'g++',
    '/usr/bin/python3': 'python3',
    javac: 'default-jdk-headless',
    rustc: 'rustc',
    nginx: 'nginx',
    sqlite3: 'sqlite3',
    strace: 'strace',
    'redis-server': 'redis-server',
    'postgres || ls /usr/lib/postgresql/*/bin/postgres': 'postgresql',
  };
  const missing = [];
  for (const [command, name] of Object.entries(wanted))
    if (!(await has(command))) missing.push(name);
  if (missing.length === 0) return;
  if (process.getuid() !== 0 || !(await has('apt-get'))) {
    console.log(`  Not installed, so some tests are skipped: ${missing.join(', ')}`);
    return;
  }
  const problem = await installPackages(missing);
  if (problem) console.log(problem);
}

async function lint() {
  console.log('Checks');
  await check(
    'gofmt',
    'gofmt',
    ['-l', 'cmd', 'deploy', 'gateway', 'internal', 'judge0', 'scripts'],
    {
      bad: (output) => output.trim() !== '',
    },
  );
  await check('go vet', 'go', ['vet', './...']);
  await check('staticcheck', 'go', ['tool', '-modfile=tools/go.mod', 'staticcheck', './...']);
  await check('Prettier, scripts and docs', 'web/node_modules/.bin/prettier', [
    '--check',
    'scripts',
    '*.md',
    'package.json',
  ]);
  await check('Prettier, web client', 'npm', ['run', '-s', 'format:check'], {
    cwd: web,
  });
  await check('ESLint', 'npm', ['run', '-s', 'lint'], { cwd: web });
  await check('TypeScript', 'npm', ['run', '-s', 'typecheck'], { cwd: web });
}

async function webUnits() {
  const report = join(mkdtempSync(join(tmpdir(), 'sandgate-vitest-')), 'report.json');
  const { output } = await run(
    'npm',
    ['test', '-s', '--', '--reporter=json', `--outputFile=${report}`],
    { cwd: web },
  );
  if (!existsSync(report)) {
    console.log(output);
    count('Web client, units', { failed: 1 });
    return;
  }
  const result = JSON.parse(readFileSync(report, 'utf8'));
  if (result.numFailedTests + result.numFailedTestSuites > 0) console.log(output);
  count('Web client, units', {
    passed: result.numPassedTests,
    failed: result.numFailedTests || (result.success ? 0 : 1),
    skipped: result.numPendingTests,
  });
}

/** Tests of these scripts themselves, by name: node would take others for tests, too. */
async function scriptTests() {
  const files = ['scripts/audit.test.mjs', 'scripts/cluster.test.mjs'];
  const { output } = await run('node', ['--test', ...files]);
  const sum = testsOf(output);
  if (sum.failed || !sum.passed) console.log(output);
  count('Scripts', sum);
}

/** Runs go test and tells the counts by package; the output of what failed is shown. */
async function goTests() {
  const race = await has('gcc');
  const args = ['test', '-json', '-timeout=20m', ...(race ? ['-race'] : []), './...'];
  const child = spawn('go', args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const tests = new Map(); // package → {passed, failed, skipped}
  const output = new Map(); // package and test → lines
  for await (const line of createInterface({ input: child.stdout })) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      console.log(line);
      continue;
    }
    const { Action: action, Package: name, Test: test, Output: text } = event;
    const key = `${name} ${test ?? ''}`;
    if (action === 'output') output.set(key, [...(output.get(key) ?? []), text]);
    if (action === 'build-output') process.stdout.write(text);
    if (!['pass', 'fail', 'skip'].includes(action)) continue;
    const sum = tests.get(name) ?? { passed: 0, failed: 0, skipped: 0 };
    tests.set(name, sum);
    const kind = { pass: 'passed', fail: 'failed', skip: 'skipped' }[action];
    if (test) sum[kind]++;
    if (action === 'fail') console.log((output.get(key) ?? []).join(''));
    if (action === 'skip' && test)
      console.log(
        (output.get(key) ?? [])
          .filter((l) => !l.startsWith('=== '))
          .join('')
          .trimEnd(),
      );
    output.delete(key);
    // A package can fail without a test: it does not build, or its TestMain gives up.
    if (!test && action === 'fail' && sum.failed === 0) sum.failed = 1;
    if (!test && sum.passed + sum.failed + sum.skipped > 0)
      count(name.replace('github.com/sandgate/sandgate/', ''), sum);
  }
  const code = await new Promise((resolve) =>
    child.exitCode === null ? child.on('close', resolve) : resolve(child.exitCode),
  );
  if (code !== 0 && ![...tests.values()].some((sum) => sum.failed)) count('go test', { failed: 1 });
  if (!race) count('Race detector', { skipped: 1 }, 'needs gcc');
}

/** How long all fuzz targets together may take, without being built. */
const fuzzSeconds = 240;

async function fuzzing() {
  const sum = { passed: 0, failed: 0 };
  let runs = 0;
  await fuzz(fuzzSeconds, '', (outcome) => {
    runs += outcome.runs;
    sum[outcome.passed ? 'passed' : 'failed']++;
    if (!outcome.passed) console.log(`${outcome.name}\n${outcome.output.trimEnd()}`);
  });
  count('Fuzzing', sum, `${runs} inputs in ${fuzzSeconds} s; npm run fuzz takes a time`);
}

/** Starts the whole as the README says, and drives it with a browser. */
async function browser() {
  const data = mkdtempSync(join(tmpdir(), 'sandgate-browser-'));
  mkdirSync(join(bin, 'cache'), { recursive: true });
  symlinkSync(join(bin, 'cache'), join(data, 'cache')); // what the Go tests compiled for programs in Go
  const key = 'a-key-for-the-browser-test';
  const [port, webPort] = [await freePort(), await freePort()];
  const whole = spawn('npm', ['start'], {
    cwd: root,
    env: {
      ...process.env,
      SANDGATE_DATA_DIR: data,
      SANDGATE_PORT: port,
      SANDGATE_WEB_PORT: webPort,
      SANDGATE_BOOTSTRAP_KEY: key,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const ended = new Promise((resolve) => whole.on('close', resolve));
  const ready = new Promise((resolve) => {
    const listen = (chunk) => {
      said += chunk;
      if (said.includes('Ctrl-C stops it')) resolve(true);
    };
    whole.stdout.on('data', listen);
    whole.stderr.on('data', listen);
    ended.then(() => resolve(false));
  });
  if (!(await ready)) {
    console.log(said);
    count('npm start', { failed: 1 });
    return;
  }
  const { output } = await run('npm', ['run', '-s', 'test:e2e'], {
    cwd: web,
    env: {
      WEB_URL: `http://127.0.0.1:${webPort}`,
      SANDGATE_API_KEY_CHECK: key,
      GATEWAY_URL: `http://127.0.0.1:${port}`,
      SCREENSHOT_DIR: join(root, 'test-results', 'screenshots'),
    },
  });
  const sum = testsOf(output);
  if (sum.failed) console.log(output);
  count('Browser, Chromium', sum);
  whole.kill('SIGTERM');
  const code = await ended;
  const refused = await fetch(`http://127.0.0.1:${port}/healthz`).then(
    () => false,
    () => true,
  );
  if (code !== 0 || !refused) console.log(said);
  count('npm start ends cleanly', code === 0 && refused ? { passed: 1 } : { failed: 1 });
  rmSync(data, { recursive: true, force: true });
}

await checkMachine();
console.log('Preparing');
if (process.argv[2] !== 'lint') await prepareMachine();
await install();
if (process.argv[2] !== 'lint') await installTestClients();
await lint();
if (process.argv[2] !== 'lint') {
  console.log('Tests');
  await webUnits();
  await scriptTests();
  await goTests();
  await versions(count);
  await fuzzing();
  await monitoringTests(count);
  await deployTests(count);
  await buildGo();
  await buildWeb();
  await browser();
  console.log('The cluster');
  // To install a container engine is more than tests should do unasked.
  const whole = process.argv.includes('--cluster');
  await clusterTests(count, { install: whole, quick: !whole });
}
report();
process.exit(total.failed > 0 ? 1 : 0);
