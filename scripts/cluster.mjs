// The cluster: npm run setup | start:all | stop:all | status | logs:<service> | build:all.
//
//   setup [--offline | --upstream] [--languages core|full] [--ops] [--pin]
//   start [--no-build] [--scale judge0-worker=4]
//   stop [--volumes]
//   status
//   logs [service…]
//   build [service…]
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join, relative } from 'node:path';
import {
  compose,
  containers,
  envFile,
  folder,
  ignored,
  project,
  settings,
  table,
  whyNoDocker,
} from './docker.mjs';
import { buildPrograms, makeBases } from './offline.mjs';
import { fail, root, run, step } from './steps.mjs';

const [command, ...args] = process.argv.slice(2);

async function needDocker() {
  const why = await whyNoDocker();
  if (why)
    fail(
      `${why}\nWithout Docker, \`npm start\` runs all of Sandgate as one process on this machine.`,
    );
}

/** The value after an option, or undefined. */
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);

const secrets = [
  'AUTHN_TOKEN',
  'AUTHZ_TOKEN',
  'BOOTSTRAP_KEY',
  'WEB_KEY',
  'WEB_SECRET',
  'JUDGE0_PASSWORD',
  'POSTGRES_PASSWORD',
  'MONGODB_PASSWORD',
  'MONGODB_ROOT_PASSWORD',
  'REDIS_PASSWORD',
  'GRAFANA_PASSWORD',
  'METRICS_PASSWORD',
];

/** The first two bytes of addresses that nothing on this machine uses. */
async function freeSubnet() {
  const list = await run('docker', ['network', 'ls', '--quiet']);
  const ids = list.output.split('\n').filter(Boolean);
  const inspected = await run('docker', [
    'network',
    'inspect',
    '--format',
    '{{json .IPAM.Config}}',
    ...ids,
  ]);
  const taken = Object.values(networkInterfaces())
    .flat()
    .map((address) => address.address);
  const used = (prefix) =>
    inspected.output.includes(`"${prefix}.`) ||
    taken.some((address) => address.startsWith(`${prefix}.`));
  for (let n = 213; n < 255; n++) if (!used(`10.${n}`)) return `10.${n}`;
  return '10.213';
}

/** What of the host's settings keeps a worker from building its sandbox. */
function warnOfHost() {
  const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : '');
  const advice = {
    '/proc/sys/user/max_user_namespaces': ['0', 'sysctl -w user.max_user_namespaces=100000'],
    '/proc/sys/kernel/unprivileged_userns_clone': [
      '0',
      'sysctl -w kernel.unprivileged_userns_clone=1',
    ],
    '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': [
      '1',
      'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    ],
  };
  for (const [path, [bad, command]] of Object.entries(advice))
    if (read(path) === bad)
      console.log(
        `  This host forbids the namespaces that the sandbox is made of. If the workers say so too:\n    ${command}`,
      );
}

function refuseIgnored() {
  const faults = ignored();
  if (faults.length) fail(faults.join('\n'));
}

const pinned = join(dirname(envFile), 'pinned.yml');

/** The overlays but the one with the digests. */
const unpinned = () =>
  (settings().COMPOSE_FILE ?? 'compose.yml')
    .split(':')
    .filter((file) => file !== relative(folder, pinned))
    .join(':');

/**
 * Asks the registries which digest each image has now, of the services, the monitoring and what the images are
 * built on, and writes them into an overlay. Each time anew: to renew them is to do it again.
 */
async function pin() {
  if (has('offline')) fail('--pin is for images of registries, and --offline takes none.');
  const COMPOSE_FILE = unpinned();
  const asked = await compose(['--profile', '*', 'config', '--format', 'json'], {
    env: { COMPOSE_FILE },
  });
  if (asked.code !== 0) fail(`The cluster's settings are wrong:\n${asked.output.trim()}`);
  const { services } = JSON.parse(asked.output.slice(asked.output.indexOf('{')));
  const digests = {};
  const digest = async (image) => {
    const name = image.replace(/@sha256:.*/, '');
    if (!digests[name]) {
      const args = ['buildx', 'imagetools', 'inspect', name, '--format', '{{json .Manifest}}'];
      const { code, output } = await run('docker', args);
      const found = code === 0 && output.match(/"digest":\s*"(sha256:[0-9a-f]{64})"/)?.[1];
      if (!found) fail(`The registry has no digest of ${name}:\n${output.trim()}`);
      digests[name] = found;
      console.log(`  ${name} ${found}`);
    }
    return `${name}@${digests[name]}`;
  };
  const overlay = {};
  for (const [name, { image, build }] of Object.entries(services)) {
    if (!build) {
      overlay[name] = { image: await digest(image) };
      continue;
    }
    const args = {};
    for (const base of ['BASE', 'GO', 'NODE'])
      if (build.args?.[base]) args[base] = await digest(build.args[base]);
    overlay[name] = { build: { args } };
  }
  const head = '# The digests of all images, by `npm run setup -- --pin`, which makes it anew.\n';
  writeFileSync(pinned, head + JSON.stringify({ services: overlay }, null, 2) + '\n');
  return `${COMPOSE_FILE}:${relative(folder, pinned)}`;
}

async function setup() {
  await needDocker();
  refuseIgnored();
  const before = settings();
  const wanted = {};
  if (args.includes('--offline')) wanted.COMPOSE_FILE = 'compose.yml:offline.yml';
  if (args.includes('--upstream')) wanted.COMPOSE_FILE = 'compose.yml:upstream.yml';
  if (args.includes('--ops')) wanted.COMPOSE_PROFILES = 'ops';
  const languages = option('--languages');
  if (languages !== undefined) {
    if (!['core', 'full'].includes(languages)) fail('--languages takes core or full.');
    wanted.LANGUAGES = languages;
  }
  const defaults = { COMPOSE_FILE: 'compose.yml', LANGUAGES: 'full' };
  if (!before.SUBNET) defaults.SUBNET = await freeSubnet();
  for (const name of secrets)
    defaults[name] = (name.endsWith('KEY') ? 'sg_' : '') + randomBytes(24).toString('hex');

  const lines = existsSync(envFile)
    ? readFileSync(envFile, 'utf8').trimEnd().split('\n')
    : [
        '# Settings and secrets of the cluster, made by `npm run setup`. Keep it to yourself; docs/cluster.md',
        '# lists what else can stand here. A password of a database is set when its volume is made.',
      ];
  const made = [];
  for (const [name, value] of Object.entries({ ...defaults, ...wanted })) {
    const at = lines.findIndex((line) => line.startsWith(`${name}=`));
    if (at >= 0 && !(name in wanted)) continue;
    if (at >= 0) lines[at] = `${name}=${value}`;
    else lines.push(`${name}=${value}`);
    if (before[name] !== value) made.push(name);
  }
  const write = () => {
    writeFileSync(envFile, lines.join('\n') + '\n', { mode: 0o600 });
    chmodSync(envFile, 0o600);
  };
  write();
  if (args.includes('--pin')) {
    const at = lines.findIndex((line) => line.startsWith('COMPOSE_FILE='));
    lines[at] = `COMPOSE_FILE=${await pin()}`;
    write();
  }
  const checked = await compose(['config', '--quiet']);
  if (checked.code !== 0) fail(`The cluster's settings are wrong:\n${checked.output.trim()}`);
  const where = relative(process.cwd(), envFile);
  if (made.length) console.log(`  ${where}: made ${made.join(', ')}`);
  else console.log(`  ${where}: complete, nothing changed`);
  warnOfHost();
  if (settings().COMPOSE_FILE.includes('upstream'))
    console.log(
      '  The stock Judge0 image needs `privileged`: its workers have the powers of root on this host.',
    );
}

/** Whether the monitoring is switched on. */
const ops = () => /\bops\b/.test(settings().COMPOSE_PROFILES ?? '');

const has = (overlay) => (settings().COMPOSE_FILE ?? '').includes(overlay);

async function build() {
  const only = command === 'build' ? args : [];
  const wanted = (service) => only.length === 0 || only.includes(service);
  if (has('offline')) {
    await makeBases();
    if (only.length === 0) await buildPrograms();
  } else
    await step('Fetching the official images', () =>
      compose(['pull', '--policy', 'missing', '--ignore-buildable', '--quiet']),
    );
  const images = {
    'runner-1': "the gateway's image",
    client: "the web client's image",
    ...(!has('upstream') && { 'judge0-server-1': "the engine's image" }),
    ...(has('offline') && {
      'runner-lb': 'nginx',
      redis: 'Redis',
      postgres: 'PostgreSQL',
      mongodb: "MongoDB's stand-in",
      ...(ops() && { prometheus: 'Prometheus and its exporters' }),
    }),
  };
  for (const [service, what] of Object.entries(images))
    if (wanted(service))
      await step(`Building ${what}`, () => compose(['--progress', 'plain', 'build', service]));
}

/** A container's name for people: its service, with a number where there may be several. */
const label = (c) =>
  c.Service === 'judge0-worker' ? c.Name.slice(project().length + 1) : c.Service;

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(0)} s`;

/** Says of each container when it became healthy, until `until` settles. */
async function watch(began, until) {
  const told = new Set();
  let ended = false;
  const result = until.finally(() => (ended = true));
  for (;;) {
    const last = ended;
    for (const container of await containers()) {
      const { Name, Health } = container;
      if (Health !== 'healthy' || told.has(Name)) continue;
      told.add(Name);
      console.log(`  ${label(container).padEnd(16)} healthy after ${seconds(began)}`);
    }
    if (last) return result;
    await Promise.race([
      result.catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, 1000)),
    ]);
  }
}

async function start() {
  await needDocker();
  refuseIgnored();
  console.log('Sandgate, the cluster: preparing');
  if (!existsSync(envFile)) await setup();
  if (!args.includes('--no-build')) await build();
  const scale = args.flatMap((arg, i) => (arg === '--scale' ? ['--scale', args[i + 1] ?? ''] : []));
  for (const value of scale)
    if (value !== '--scale' && !/^judge0-worker=\d+$/.test(value))
      fail(
        '--scale takes judge0-worker=N: runners and servers are named one by one in compose.yml and in the load balancers.',
      );
  const began = Date.now();
  console.log('Starting');
  const up = await watch(
    began,
    compose([
      'up',
      '--detach',
      '--no-build',
      '--remove-orphans',
      '--wait',
      '--wait-timeout',
      '300',
      ...scale,
    ]),
  );
  if (up.code !== 0) {
    console.error(up.output.split('\n').slice(-15).join('\n'));
    // Health is empty where there is no check.
    const bad = (await containers()).filter(
      (c) => c.State !== 'running' || (c.Health && c.Health !== 'healthy'),
    );
    const names = [...new Set(bad.map((c) => c.Service))];
    fail(
      `Not everything became healthy${names.length ? `: ${names.join(', ')}` : ''}.\n` +
        (names.length ? `\`npm run logs:${names[0]}\` says why; ` : '') +
        '`npm run status` shows the rest.',
    );
  }
  const { BIND = '127.0.0.1', API_PORT = '8080', WEB_PORT = '3000' } = settings();
  const host = BIND === '0.0.0.0' ? '127.0.0.1' : BIND;
  const api = `http://${host}:${API_PORT}`;
  const deadline = Date.now() + 60_000;
  for (;;) {
    const ready = await fetch(`${api}/readyz`).then(
      (r) => r.ok,
      () => false,
    );
    if (ready) break;
    if (Date.now() > deadline)
      fail(
        `Everything is healthy, but no submission can be run: see \`npm run logs:runner-1\` and \`npm run logs:judge0-worker\`.`,
      );
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  console.log(`
Sandgate is ready after ${seconds(began)}.

  Web page   http://${host}:${WEB_PORT}
  API        ${api}
  API key    BOOTSTRAP_KEY in ${relative(process.cwd(), envFile)}; it has all rights${ops() ? monitoring() : ''}

  KEY=$(sed -n 's/^BOOTSTRAP_KEY=//p' ${relative(process.cwd(), envFile)})
  curl -s '${api}/submissions?wait=true' -H "X-Auth-Token: $KEY" \\
    -H 'Content-Type: application/json' -d '{"language_id": 71, "source_code": "print(6*7)"}'

\`npm run status\` shows the parts, \`npm run logs:<service>\` what they say, \`npm run stop:all\` ends them.`);
}

/** Where the monitoring is shown. */
function monitoring() {
  const {
    BIND_OPS: at = '127.0.0.1',
    GRAFANA_PORT = '3001',
    PROMETHEUS_PORT = '9090',
  } = settings();
  const grafana = has('offline')
    ? 'not in Debian: see docs/monitoring.md'
    : `http://${at}:${GRAFANA_PORT} (admin, GRAFANA_PASSWORD)`;
  return `\n  Grafana    ${grafana}\n  Prometheus http://${at}:${PROMETHEUS_PORT}`;
}

async function stop() {
  await needDocker();
  if (!existsSync(envFile)) fail('There is no cluster: `npm run setup` makes one.');
  const volumes = args.includes('--volumes');
  await step('Stopping', () =>
    compose([
      '--profile',
      '*',
      'down',
      '--remove-orphans',
      '--timeout',
      '30',
      ...(volumes ? ['--volumes'] : []),
    ]),
  );
  const list = await run('docker', [
    'volume',
    'ls',
    '--quiet',
    '--filter',
    `label=com.docker.compose.project=${project()}`,
  ]);
  const names = list.output.split('\n').filter(Boolean);
  console.log(
    names.length ? `  The data stays, in the volumes ${names.join(', ')}` : '  Nothing is left',
  );
}

async function status() {
  await needDocker();
  const list = existsSync(envFile) ? await containers() : [];
  if (list.length === 0) {
    console.log('Nothing runs. `npm run start:all` starts the cluster.');
    return;
  }
  const inspected = await run('docker', ['inspect', ...list.map((c) => c.ID)]);
  const addresses = Object.fromEntries(
    JSON.parse(inspected.output).map((c) => [
      c.Name.slice(1),
      Object.entries(c.NetworkSettings.Networks)
        .map(
          ([network, { IPAddress }]) =>
            `${network.replace(`${project()}-`, '')} ${IPAddress || '–'}`,
        )
        .join(', '),
    ]),
  );
  table(
    ['SERVICE', 'STATE', 'HEALTH', 'SINCE', 'PUBLISHED', 'ADDRESSES'],
    list.map((c) => [
      label(c),
      c.State,
      c.Health || '–',
      c.RunningFor ?? '',
      c.Publishers?.filter((p) => p.PublishedPort)
        .map((p) => `${p.URL}:${p.PublishedPort}`)
        .join(', ') || '–',
      addresses[c.Name] ?? '–',
    ]),
  );
  const bad = list.filter((c) => c.State !== 'running' || c.Health === 'unhealthy');
  if (bad.length) process.exitCode = 1;
}

async function logs() {
  await needDocker();
  const { code } = await compose(['logs', '--follow', '--tail', '200', ...args], { show: true });
  process.exitCode = code;
}

const commands = {
  setup,
  start,
  stop,
  status,
  logs,
  build: async () => {
    await needDocker();
    if (!existsSync(envFile)) await setup();
    await build();
  },
};
if (!commands[command])
  fail(
    `usage: node ${relative(root, join(folder, '..', 'scripts', 'cluster.mjs'))} ${Object.keys(commands).join('|')}`,
  );
await commands[command]();
