// The tests of the cluster, on the real stack: images built by the offline overlay, started and stopped
// by the very npm scripts, under a project, addresses and ports of their own.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testsOf } from './count.mjs';
import { prepareDocker } from './docker-install.mjs';
import { table } from './docker.mjs';
import { Load } from './load.mjs';
import { askAll, untilScraped } from './monitoring-tests.mjs';
import { freePort, root, run } from './steps.mjs';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What this machine has of a project: containers, networks, volumes. */
async function leftovers(project) {
  const list = async (args) => {
    const { output } = await run('docker', [
      ...args,
      '--filter',
      `name=${project}`,
      '--format',
      '{{json .}}',
    ]);
    return output
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).Names ?? JSON.parse(line).Name);
  };
  return {
    containers: await list(['ps', '--all']),
    networks: await list(['network', 'ls']),
    volumes: await list(['volume', 'ls']),
  };
}

/** A cluster for tests. */
class Cluster {
  folder = mkdtempSync(join(tmpdir(), 'sandgate-cluster-'));
  project = `sandgate-test-${process.pid}`;
  envFile = join(this.folder, '.env');

  npm(script, ...args) {
    return run('npm', ['run', '-s', script, ...(args.length ? ['--', ...args] : [])], {
      env: { SANDGATE_CLUSTER_ENV: this.envFile },
    });
  }

  async prepare() {
    this.apiPort = await freePort();
    this.webPort = await freePort();
    writeFileSync(
      this.envFile,
      [
        `COMPOSE_PROJECT_NAME=${this.project}`,
        `API_PORT=${this.apiPort}`,
        `WEB_PORT=${this.webPort}`,
        'LEASE=5s', // so that what a lost worker had is taken up soon
        '',
      ].join('\n'),
    );
    this.api = `http://127.0.0.1:${this.apiPort}`;
    this.web = `http://127.0.0.1:${this.webPort}`;
  }

  settings() {
    return Object.fromEntries(
      readFileSync(this.envFile, 'utf8')
        .split('\n')
        .filter((line) => /^[A-Z]/.test(line))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  container(service, number = 1) {
    return `${this.project}-${service}-${number}`;
  }

  network(name) {
    return `${this.project}-${name}`;
  }

  async inspect(container) {
    const { code, output } = await run('docker', ['inspect', container]);
    if (code !== 0) throw new Error(output);
    return JSON.parse(output)[0];
  }

  /** The containers and their addresses on a network: [{name, address}]. */
  async members(network) {
    const { output } = await run('docker', ['network', 'inspect', this.network(network)]);
    return Object.values(JSON.parse(output)[0].Containers).map(({ Name, IPv4Address }) => ({
      name: Name,
      address: IPv4Address.split('/')[0],
    }));
  }

  /** Runs a program for Node in a container of its own on a network; gives what it printed as JSON. */
  async probe(network, source) {
    return this.node(
      ['run', '--rm', '--network', this.network(network), 'sandgate-client:latest'],
      source,
    );
  }

  async node(before, source) {
    const { code, output } = await run('docker', [
      ...before,
      'node',
      '--input-type=module',
      '-e',
      source,
    ]);
    if (code !== 0) throw new Error(output);
    return JSON.parse(output.trim().split('\n').at(-1));
  }

  submit(body, { key = this.key, query = '?wait=true', headers = {} } = {}) {
    return fetch(`${this.api}/submissions${query}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(key && { 'X-Auth-Token': key }),
        ...headers,
      },
      body: JSON.stringify(body),
    });
  }

  /** Runs a program in Python to its end; gives the submission. */
  async python(source) {
    const answer = await this.submit({ language_id: 71, source_code: source });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status}: ${text}`);
    return JSON.parse(text);
  }
}

/** A program for Node that tries to reach targets ({name, port}); prints what it found of each. */
const reach = (targets) => `
import net from 'node:net';
import dns from 'node:dns/promises';
const targets = ${JSON.stringify(targets)};
const attempt = ({ name, port }) => new Promise((resolve) => {
  const socket = net.connect({ host: name, port });
  const say = (found) => { socket.destroy(); resolve([name + ':' + port, found]); };
  socket.setTimeout(2000, () => say('silence'));
  socket.on('connect', () => say('open'));
  socket.on('error', (error) => say(error.code));
});
console.log(JSON.stringify(Object.fromEntries(await Promise.all(targets.map(attempt)))));
`;

const ports = {
  redis: 6379,
  postgres: 5432,
  mongodb: 27017,
  'judge0-lb': 8080,
  'judge0-server': 2358,
  'judge0-worker': 2359,
  runner: 8080,
};

/** The port that a container of the private network listens on, by its name. */
const portOf = (name) =>
  Object.entries(ports).find(([service]) => name.includes(`-${service}-`))?.[1];

/** Tries the databases and the engine with no password, from the private network itself. */
const withoutPassword = (servers) => `
import net from 'node:net';
const talk = (host, port, send) => new Promise((resolve) => {
  const socket = net.connect({ host, port }, () => socket.write(send));
  let got = Buffer.alloc(0);
  const done = () => { socket.destroy(); resolve(got); };
  socket.setTimeout(3000, done);
  socket.on('error', done);
  socket.on('data', (chunk) => { got = Buffer.concat([got, chunk]); setTimeout(done, 300); });
});
const int32 = (n, little) => { const b = Buffer.alloc(4); little ? b.writeInt32LE(n) : b.writeInt32BE(n); return b; };
const startup = Buffer.concat([int32(196608), Buffer.from('user\\0judge0\\0database\\0judge0\\0\\0')]);
const postgres = await talk('postgres', 5432, Buffer.concat([int32(startup.length + 4), startup]));
const text = (name, value) => Buffer.concat([Buffer.from('\\x02' + name + '\\0'), int32(value.length + 1, true), Buffer.from(value + '\\0')]);
const fields = Buffer.concat([text('find', 'submissions'), text('$db', 'sandgate'), Buffer.from([0])]);
const body = Buffer.concat([int32(0, true), Buffer.from([0]), int32(fields.length + 4, true), fields]);
const message = Buffer.concat([int32(16 + body.length, true), int32(1, true), int32(0, true), int32(2013, true), body]);
const mongodb = await talk('mongodb', 27017, message);
const status = async (url, options) => (await fetch(url, options)).status;
const submission = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"language_id":71,"source_code":"print(1)"}' };
const engine = {};
for (const server of ${JSON.stringify(servers)}) {
  engine[server] = [
    await status('http://' + server + '/languages'),
    await status('http://' + server + '/submissions', submission),
    await status('http://' + server + '/submissions', { ...submission, headers: { ...submission.headers, 'X-Auth-Token': 'wrong' } }),
  ];
}
console.log(JSON.stringify({
  redis: (await talk('redis', 6379, 'KEYS *\\r\\n')).toString(),
  redisWrong: (await talk('redis', 6379, 'AUTH wrong\\r\\nKEYS *\\r\\n')).toString(),
  postgres: { type: String.fromCharCode(postgres[0]), method: postgres.length > 8 ? postgres.readInt32BE(5) : -1 },
  mongodb: mongodb.toString('latin1'),
  engine,
}));
`;

const assert = (condition, message) => {
  if (!condition) throw new Error(message);
};

/** What a fault does to a container, and what undoes it. */
const faults = {
  kill: {
    // The process itself, as a crash would: the restart policy brings it back.
    do: async (cluster, name) => process.kill((await cluster.inspect(name)).State.Pid, 'SIGKILL'),
    undo: async () => {},
  },
  stop: {
    do: (_, name) => run('docker', ['stop', '--time', '10', name]),
    undo: (_, name) => run('docker', ['start', name]),
  },
  pause: {
    do: (_, name) => run('docker', ['pause', name]),
    undo: (_, name) => run('docker', ['unpause', name]),
  },
  disconnect: {
    do: async (cluster, name) => {
      const { Networks } = (await cluster.inspect(name)).NetworkSettings;
      for (const network of Object.keys(Networks))
        await run('docker', ['network', 'disconnect', '--force', network, name]);
      return Networks;
    },
    undo: async (_, name, networks) => {
      for (const [network, { IPAMConfig, Aliases }] of Object.entries(networks)) {
        const address = IPAMConfig?.IPv4Address ? ['--ip', IPAMConfig.IPv4Address] : [];
        const aliases = (Aliases ?? []).flatMap((alias) => ['--alias', alias]);
        await run('docker', ['network', 'connect', ...address, ...aliases, network, name]);
      }
    },
  },
};

const everyVictim = [
  'runner-1',
  'judge0-server-1',
  'judge0-worker',
  'runner-lb',
  'judge0-lb',
  'redis',
  'postgres',
  'mongodb',
];

/** How long a fault lasts. */
const holdTime = 5000;
/** In which everything accepted must have ended, and the container be healthy, once a fault is over. */
const settleTime = 240_000;

async function untilHealthy(cluster, name) {
  const deadline = Date.now() + settleTime;
  for (;;) {
    const { State } = await cluster.inspect(name);
    if (State.Status === 'running' && State.Health?.Status === 'healthy') return;
    if (Date.now() > deadline)
      throw new Error(
        `${name} did not become healthy again: ${State.Status}, ${State.Health?.Status}`,
      );
    await sleep(500);
  }
}

/** Does one fault under load. Gives the row of the table, and what is wrong with it. */
async function fault(cluster, load, kind, service) {
  const name = cluster.container(service);
  const mark = load.mark();
  const memory = await faults[kind].do(cluster, name);
  await sleep(holdTime);
  await faults[kind].undo(cluster, name, memory);
  const healed = Date.now();
  let problem;
  try {
    await untilHealthy(cluster, name);
    await load.settled(mark, settleTime);
  } catch (error) {
    problem = error.message;
  }
  const sum = load.summary(mark);
  const bad = sum.errors.filter((error) => !error.retriable);
  if (bad.length) problem = `clients saw ${bad.map((error) => error.what).join(', ')}`;
  if (sum.wrong.length) problem = `wrong results: ${sum.wrong.slice(0, 3).join('; ')}`;
  const seen = {};
  for (const { what } of sum.errors) seen[what] = (seen[what] ?? 0) + 1;
  const errors = Object.entries(seen).map(([what, times]) => `${times}× ${what}`);
  return {
    row: [
      kind,
      service,
      sum.accepted,
      sum.finished,
      `${(sum.gap / 1000).toFixed(1)} s`,
      `${(sum.slowest / 1000).toFixed(1)} s`,
      `${((Date.now() - healed) / 1000).toFixed(1)} s`,
      errors.join(', ') || '–',
    ],
    problem,
  };
}

/**
 * Runs all tests. `count(title, {passed, failed, skipped}, note)` takes the outcome of each. `quick`
 * leaves the faults out, `official` takes the official images instead of the overlay's, and without
 * `build` the images are used as they are; without `page` no browser is started.
 * `victims` are the services that are broken.
 */
export async function clusterTests(
  count,
  {
    quick = false,
    official = false,
    build = true,
    page = true,
    victims = everyVictim,
    install = true,
  } = {},
) {
  let failed = false;
  const test = async (title, body) => {
    try {
      const note = await body();
      count(title, { passed: 1 }, typeof note === 'string' ? note : '');
      return true;
    } catch (error) {
      failed = true;
      count(title, { failed: 1 }, error.message);
      return false;
    }
  };
  await dockerfiles(test);
  const { why, stop } = await prepareDocker({ install });
  if (why) {
    count('Cluster', { skipped: 1 }, why);
    return;
  }
  const cluster = new Cluster();
  try {
    await cluster.prepare();
    if (await begin(cluster, test, { official, build })) {
      await isolation(cluster, test);
      if (page) await browser(cluster, count);
      if (!quick) await underFaults(cluster, test, victims);
      await settingsHold(cluster, test);
      if (!official) await monitoring(cluster, test);
      if (failed)
        console.log(
          (await run('docker', ['ps', '--all', '--filter', `name=${cluster.project}`])).output,
        );
      await ending(cluster, test);
    }
  } finally {
    await cluster.npm('stop:all', '--volumes');
    rmSync(cluster.folder, { recursive: true, force: true });
    await stop();
  }
}

/** The images below are built of programs from outside; so that the Dockerfiles can build them too: */
async function dockerfiles(test) {
  const built = {
    'gateway/image/Dockerfile': ['./cmd/gateway'],
    'judge0/image/Dockerfile': ['./cmd/judge0', './judge0/sandbox/init', './judge0/image/prepare'],
  };
  for (const [file, packages] of Object.entries(built))
    await test(`Images, ${file} copies all that its programs are made of`, async () => {
      const text = readFileSync(join(root, file), 'utf8');
      const copied = [...text.matchAll(/^COPY (\S+) \1$/gm)].map((match) => match[1]);
      const own = '{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}';
      const { code, output } = await run('go', ['list', '-deps', '-f', own, ...packages]);
      assert(code === 0, output);
      const needed = output
        .split('\n')
        .filter(Boolean)
        .map((path) => path.replace('github.com/sandgate/sandgate/', ''));
      const missing = needed.filter(
        (path) => !copied.some((from) => `${path}/`.startsWith(`${from}/`)),
      );
      assert(needed.length > 3 && missing.length === 0, `not copied: ${missing}`);
    });
}

async function begin(cluster, test, { official, build }) {
  const prepared =
    await test('Cluster, npm run setup makes secrets once, for the owner alone', async () => {
      const first = await cluster.npm(
        'setup',
        ...(official ? [] : ['--offline']),
        '--languages',
        'core',
      );
      assert(first.code === 0, first.output);
      const before = readFileSync(cluster.envFile, 'utf8');
      assert(
        (statSync(cluster.envFile).mode & 0o777) === 0o600,
        'the file with the secrets can be read by others',
      );
      const again = await cluster.npm('setup');
      assert(
        again.code === 0 && readFileSync(cluster.envFile, 'utf8') === before,
        'a second setup changed the settings',
      );
    });
  if (!prepared) return false;
  cluster.key = cluster.settings().BOOTSTRAP_KEY;
  const built =
    !build ||
    (await test('Cluster, npm run build:all', async () => {
      const began = Date.now();
      const { code, output } = await cluster.npm('build:all');
      assert(code === 0, output);
      return `${Math.round((Date.now() - began) / 1000)} s`;
    }));
  if (!built) return false;
  const started = await test('Cluster, npm run start:all', async () => {
    const { code, output } = await cluster.npm('start:all', '--no-build');
    if (code !== 0) {
      const { output: said } = await run('docker', [
        'ps',
        '--all',
        '--filter',
        `name=${cluster.project}`,
      ]);
      throw new Error(`${output}\n${said}`);
    }
    console.log(
      output
        .split('\n')
        .filter((line) => /healthy after|is ready after/.test(line))
        .join('\n'),
    );
  });
  if (!started) return false;
  await test('Cluster, start:all once more changes nothing', async () => {
    const before = (
      await run('docker', ['ps', '--quiet', '--no-trunc', '--filter', `name=${cluster.project}`])
    ).output;
    const { code, output } = await cluster.npm('start:all', '--no-build');
    assert(code === 0, output);
    const after = (
      await run('docker', ['ps', '--quiet', '--no-trunc', '--filter', `name=${cluster.project}`])
    ).output;
    assert(before === after, 'containers were replaced');
  });
  await test('Cluster, the quick start through the load balancer', async () => {
    const result = await cluster.python('print(6*7)');
    assert(result.stdout === '42\n' && result.status.id === 3, JSON.stringify(result));
  });
  return true;
}

async function isolation(cluster, test) {
  const everyone = (await cluster.members('private')).filter(({ name }) => portOf(name));
  const targets = [
    ...everyone.map(({ name, address }) => ({ name: address, port: portOf(name) })),
    ...Object.entries(ports).map(([name, port]) => ({ name, port })),
    ...['runner-1', 'runner-2', 'judge0-server-1', 'judge0-server-2'].map((name) => ({
      name,
      port: portOf(`-${name}-`),
    })),
  ];
  const open = (found) =>
    Object.entries(found)
      .filter(([, what]) => what === 'open')
      .map(([target]) => target);

  await test('Isolation, what is published and where', async () => {
    const { output } = await run('docker', [
      'ps',
      '--filter',
      `name=${cluster.project}`,
      '--format',
      '{{.Ports}}',
    ]);
    const published = output
      .match(/[\d.:[\]]+->/g)
      .map((port) => port.slice(0, -2))
      .sort();
    const wanted = [`127.0.0.1:${cluster.apiPort}`, `127.0.0.1:${cluster.webPort}`].sort();
    assert(JSON.stringify(published) === JSON.stringify(wanted), `published: ${published}`);
    const { output: internal } = await run('docker', [
      'network',
      'inspect',
      '--format',
      '{{.Internal}}',
      cluster.network('private'),
    ]);
    assert(internal.trim() === 'true', 'the private network leads out');
  });
  await test('Isolation, the private network from the public one, by name and address', async () => {
    assert(everyone.length >= 10, `only ${everyone.length} containers are on the private network`);
    const fromPublic = await cluster.probe('public', reach(targets));
    const fromClient = await cluster.node(['exec', cluster.container('client')], reach(targets));
    assert(open(fromPublic).length === 0, `reached from the public network: ${open(fromPublic)}`);
    assert(open(fromClient).length === 0, `reached from the web client: ${open(fromClient)}`);
    // The same attempts from inside must succeed, or they prove nothing.
    const fromPrivate = await cluster.probe('private', reach(targets.slice(0, everyone.length)));
    assert(
      open(fromPrivate).length === everyone.length,
      `from the private network: ${JSON.stringify(fromPrivate)}`,
    );
    return `${targets.length} targets from 2 places`;
  });
  await test('Isolation, the private network leads nowhere', async () => {
    const found = await cluster.probe(
      'private',
      reach([
        { name: '1.1.1.1', port: 53 },
        { name: 'deb.debian.org', port: 80 },
      ]),
    );
    assert(open(found).length === 0, JSON.stringify(found));
  });
  await test('Isolation, engine and databases refuse whoever has no password', async () => {
    const servers = ['judge0-lb:8080', 'judge0-server-1:2358', 'judge0-server-2:2358'];
    const said = await cluster.probe('private', withoutPassword(servers));
    assert(said.redis.startsWith('-NOAUTH'), `Redis: ${said.redis}`);
    assert(
      /-WRONGPASS.*\r\n-NOAUTH/s.test(said.redisWrong),
      `Redis with a wrong password: ${said.redisWrong}`,
    );
    assert(
      said.postgres.type === 'R' && said.postgres.method === 10,
      `PostgreSQL: ${JSON.stringify(said.postgres)}`,
    );
    assert(
      /authentication/i.test(said.mongodb) && /errmsg/.test(said.mongodb),
      `MongoDB: ${said.mongodb}`,
    );
    for (const [server, statuses] of Object.entries(said.engine))
      assert(
        statuses.every((status) => status === 401),
        `${server}: ${statuses}`,
      );
    const wrong = await run('docker', [
      'run',
      '--rm',
      '--network',
      cluster.network('private'),
      '--env',
      'PGPASSWORD=wrong',
      '--entrypoint',
      'psql',
      'sandgate-postgres:offline',
      '--host=postgres',
      '--username=judge0',
      '--dbname=judge0',
      '--command=SELECT 1',
    ]);
    assert(
      wrong.code !== 0 && /password authentication failed/.test(wrong.output),
      `psql: ${wrong.output}`,
    );
  });
  await test('Isolation, the load balancer shows neither metrics nor callbacks, nor anything without a key', async () => {
    const status = async (path) =>
      (await fetch(cluster.api + path, { method: path.startsWith('/internal') ? 'PUT' : 'GET' }))
        .status;
    for (const path of [
      '/metrics',
      '/internal/callbacks/a/b',
      '//metrics',
      '/./metrics',
      '/%6detrics',
    ])
      assert((await status(path)) === 404, `${path}: ${await status(path)}`);
    const refused = await cluster.submit({ language_id: 71, source_code: 'print(1)' }, { key: '' });
    assert(refused.status === 401, `without a key: ${refused.status}`);
  });
  await test('Isolation, a program in the sandbox reaches nobody', async () => {
    const result = await cluster.python(`
import json, socket
found = {}
for name, port in ${JSON.stringify(targets.map(({ name, port }) => [name, port]))}:
    try:
        socket.create_connection((name, port), timeout=1).close()
        found[name] = "open"
    except OSError as error:
        found[name] = type(error).__name__
print(json.dumps(found))
import os
print(json.dumps([n for n in os.environ if any(w in n for w in ("TOKEN", "PASSWORD", "URL", "KEY"))]))
print(os.path.exists("/sys/fs/cgroup/memory"), os.path.exists("/proc/1/root/run"))
`);
    assert(result.status.id === 3, JSON.stringify(result));
    const [found, secrets] = result.stdout
      .split('\n')
      .slice(0, 2)
      .map((line) => JSON.parse(line));
    assert(open(found).length === 0, `reached: ${open(found)}`);
    assert(
      Object.keys(found).length === new Set(targets.map(({ name }) => name)).size,
      'not all were tried',
    );
    assert(secrets.length === 0, `the program sees ${secrets}`);
  });
  await test('Isolation, containers have no more rights than they need', async () => {
    const { output } = await run('docker', [
      'ps',
      '--quiet',
      '--filter',
      `name=${cluster.project}`,
    ]);
    for (const id of output.split('\n').filter(Boolean)) {
      const { Name, HostConfig: host, Config } = await cluster.inspect(id);
      const worker = Name.includes('judge0-worker');
      const say = (what) => `${Name}: ${what}`;
      assert(!host.Privileged, say('privileged'));
      assert(host.ReadonlyRootfs, say('can write its root'));
      assert(JSON.stringify(host.CapDrop) === '["ALL"]', say(`drops ${host.CapDrop}`));
      assert(host.SecurityOpt.includes('no-new-privileges:true'), say('may gain privileges'));
      const caps = (host.CapAdd ?? [])
        .map((cap) => cap.replace('CAP_', ''))
        .sort()
        .join();
      assert(caps === (worker ? 'SETFCAP,SETGID,SETUID' : ''), say(`has ${caps}`));
      assert(
        worker || !/^0?(:|$)|^root/.test(Config.User),
        say(`runs as user ${Config.User || 'root'}`),
      );
      assert(worker || host.SecurityOpt.length === 1, say(`has ${host.SecurityOpt}`));
      assert(host.Memory > 0 && host.PidsLimit > 0, say('has no bound of memory or processes'));
      assert(host.RestartPolicy.Name === 'unless-stopped', say('is not started again'));
      assert(host.LogConfig.Config['max-size'], say('logs without end'));
      assert(Config.Healthcheck?.Test, say('has no health check'));
      assert(
        !(host.Binds ?? []).some((bind) => bind.includes('docker.sock')),
        say('holds the Docker socket'),
      );
    }
  });
}

async function browser(cluster, count) {
  // The other tests of the page start servers of their own: the cluster adds nothing to them.
  const files = ['e2e/pages.test.mjs', 'e2e/playground.test.mjs'];
  const { output } = await run('node', ['--test', '--test-concurrency=1', ...files], {
    cwd: join(root, 'web'),
    env: {
      WEB_URL: cluster.web,
      SANDGATE_API_KEY_CHECK: cluster.settings().WEB_KEY,
      SCREENSHOT_DIR: join(root, 'test-results', 'screenshots-cluster'),
    },
  });
  const sum = testsOf(output);
  if (sum.failed) console.log(output);
  count('Cluster, the web page in Chromium', sum);
}

async function underFaults(cluster, test, victims) {
  const load = new Load(cluster.api, cluster.key);
  load.start();
  await sleep(3000);
  const rows = [];
  for (const service of victims) {
    for (const kind of Object.keys(faults)) {
      await test(`Faults, ${kind} ${service}`, async () => {
        const { row, problem } = await fault(cluster, load, kind, service);
        rows.push(row);
        assert(!problem, problem);
        return `gap ${row[4]}`;
      });
    }
  }
  const end = await load.stop(settleTime);
  await test('Faults, every accepted submission ended', async () => {
    assert(end.open === 0, `${end.open} of ${end.accepted} did not`);
    return `${end.accepted} submissions`;
  });
  console.log(
    `\n  Faults of ${holdTime / 1000} s under a load of ${(1000 / load.interval).toFixed(1)} submissions a second:`,
  );
  table(
    ['FAULT', 'OF', 'ACCEPTED', 'ENDED', 'GAP', 'SLOWEST', 'WHOLE AGAIN', 'WHAT CLIENTS SAW'],
    rows,
  );
  console.log(
    '  Gap: longest time between two accepted. Slowest: from accepted to ended. Whole again: healthy and nothing open, after the fault.\n',
  );
}

/** Switches the monitoring on, and asks all that its dashboard shows while there is work. */
async function monitoring(cluster, test) {
  const port = await freePort();
  await test('Monitoring, Prometheus scrapes every part', async () => {
    writeFileSync(cluster.envFile, `PROMETHEUS_PORT=${port}\n`, { flag: 'a' });
    for (const [script, ...args] of [
      ['setup', '--ops'],
      ['build:all', 'prometheus'],
      ['start:all', '--no-build'],
    ]) {
      const { code, output } = await cluster.npm(script, ...args);
      assert(code === 0, output);
    }
    const jobs = ['gateway', 'judge0-server', 'judge0-worker', 'redis', 'postgres', 'nginx'];
    return `${await untilScraped(`http://127.0.0.1:${port}`, jobs)} targets`;
  });
  await test('Monitoring, every query of the dashboard has data', async () => {
    const load = new Load(cluster.api, cluster.key);
    load.start();
    const { asked, empty } = await askAll(`http://127.0.0.1:${port}`);
    await load.stop(settleTime);
    assert(empty.length === 0, `no data: ${empty.join('; ')}`);
    return `${asked} queries`;
  });
}

/** The services of the Compose file with overlays and the monitoring, as Compose reads them. */
async function configured(cluster, ...overlays) {
  const files = ['compose.yml', ...overlays].flatMap((file) => ['--file', file]);
  const { code, output } = await run(
    'docker',
    [
      ...['compose', '--env-file', cluster.envFile, ...files],
      ...['--profile', 'ops', 'config', '--format', 'json'],
    ],
    { cwd: join(root, 'compose') },
  );
  assert(code === 0, output);
  return JSON.parse(output).services;
}

async function settingsHold(cluster, test) {
  await test('Cluster, an upstream Judge0 in the place of the engine: a valid configuration, and programs without a network', async () => {
    const services = await configured(cluster, 'upstream.yml');
    const stock = Object.entries(services).filter(([name]) => /^judge0-(server|worker)/.test(name));
    assert(stock.length === 3, `the engine is ${stock.map(([name]) => name)}`);
    for (const [name, { image, environment }] of stock) {
      assert(image.startsWith('judge0/judge0:'), `${name} is ${image}`);
      assert(
        environment.ALLOW_ENABLE_NETWORK === 'false',
        `${name} lets programs have a network: ${environment.ALLOW_ENABLE_NETWORK}`,
      );
    }
  });
  await test('Cluster, every service has a health check but two, which the documentation names', async () => {
    const without = Object.entries(await configured(cluster))
      .filter(([, { healthcheck }]) => !healthcheck)
      .map(([name]) => name);
    assert(
      without.sort().join() === 'judge0-lb-exporter,runner-lb-exporter',
      `without: ${without}`,
    );
    const told = readFileSync(join(root, 'docs', 'cluster.md'), 'utf8');
    for (const name of without) assert(told.includes(`\`${name}\``), `not told of: ${name}`);
  });
  await test('Cluster, more workers: start:all -- --scale judge0-worker=3', async () => {
    const { code, output } = await cluster.npm(
      'start:all',
      '--no-build',
      '--scale',
      'judge0-worker=3',
    );
    assert(code === 0, output);
    const { State } = await cluster.inspect(cluster.container('judge0-worker', 3));
    assert(State.Health.Status === 'healthy', State.Health.Status);
    const shown = await cluster.npm('status');
    assert(
      shown.code === 0 && /judge0-worker-3 +running +healthy/.test(shown.output),
      shown.output,
    );
  });
}

async function ending(cluster, test) {
  await test('Cluster, npm run stop:all leaves volumes and nothing else', async () => {
    const { code, output } = await cluster.npm('stop:all');
    assert(code === 0, output);
    const left = await leftovers(cluster.project);
    assert(left.containers.length === 0, `containers: ${left.containers}`);
    assert(left.networks.length === 0, `networks: ${left.networks}`);
    const watched = cluster.settings().COMPOSE_PROFILES === 'ops' ? ['prometheus'] : [];
    const named = ['mongodb', 'mongodb-config', 'postgres', ...watched, 'redis'].map(
      (name) => `${cluster.project}_${name}`,
    );
    assert(left.volumes.sort().join() === named.join(), `volumes: ${left.volumes}`);
    const { output: dangling } = await run('docker', [
      'volume',
      'ls',
      '--quiet',
      '--filter',
      `label=com.docker.compose.project=${cluster.project}`,
    ]);
    return `${dangling.split('\n').filter(Boolean).length} volumes`;
  });
}
