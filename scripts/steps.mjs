// What the other scripts share: paths, running a command quietly, and building what has changed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const bin = join(root, 'bin');

/** Ends with a sentence for the person at the terminal, without a stack trace. */
export function fail(message) {
  console.error(`\n${message}`);
  process.exit(1);
}

/** Runs a command and gives its exit code and what it printed. With `show`, it prints for itself. */
export function run(command, args, { cwd = root, env = {}, show = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', ...env },
      stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk) => (output = (output + chunk).slice(-1_000_000));
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', (error) => resolve({ code: 127, output: String(error.message) }));
    child.on('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : 1), output }));
  });
}

/** Runs a step of a build: says what it does and how long it took, and ends all if it fails. */
export async function step(title, work) {
  const began = Date.now();
  const terminal = process.stdout.isTTY;
  const seconds = () => `${Math.round((Date.now() - began) / 1000)} s`;
  process.stdout.write(`  ${title} …${terminal ? '' : '\n'}`);
  const ticker = terminal
    ? setInterval(() => process.stdout.write(`\r  ${title} … ${seconds()}`), 1000)
    : undefined;
  const { code, output } = await work();
  clearInterval(ticker);
  if (terminal)
    process.stdout.write(`\r  ${title}: ${code === 0 ? 'done' : 'failed'}, ${seconds()}\n`);
  if (code !== 0) {
    console.error(output.split('\n').slice(-40).join('\n'));
    fail(`${title}: failed (exit code ${code}). The lines above say why.`);
  }
}

/** A digest over the content of files and folders, to see whether something has changed. */
export function digest(paths) {
  const hash = createHash('sha256').update(process.version);
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    } else {
      hash.update(relative(root, path)).update(readFileSync(path));
    }
  };
  paths.forEach(visit);
  return hash.digest('hex');
}

/** Does work if the paths have changed since it last succeeded, or its result is missing. */
async function whenChanged(name, paths, result, title, work) {
  const stamp = join(bin, 'stamps', name);
  const now = digest(paths);
  if (existsSync(result) && existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  await step(title, work);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
}

const npmInstall = (cwd) =>
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd });

/** Installs the packages of the web client and of the TypeScript toolchain. */
export async function install() {
  const web = join(root, 'web');
  await whenChanged(
    'web-packages',
    [join(web, 'package-lock.json')],
    join(web, 'node_modules'),
    "Installing the web client's packages",
    () => npmInstall(web),
  );
  const typescript = join(root, 'toolchains', 'typescript');
  await whenChanged(
    'typescript',
    [join(typescript, 'package-lock.json')],
    join(typescript, 'node_modules'),
    'Installing the TypeScript compiler',
    () => npmInstall(typescript),
  );
}

/** Installs the real client of Socket.IO, which the gateway's tests drive. */
export async function installTestClients() {
  const client = join(root, 'gateway', 'testdata', 'socketio');
  await whenChanged(
    'socketio',
    [join(client, 'package-lock.json')],
    join(client, 'node_modules'),
    'Installing the client of Socket.IO',
    () => npmInstall(client),
  );
}

/**
 * Builds the Go programs into bin/. Go itself sees what has changed. Without msgpack, which nothing here speaks, Gin
 * brings 9 MB less.
 */
export async function buildGo() {
  const build = (args) =>
    run('go', ['build', '-trimpath', '-tags=nomsgpack', ...args], { env: { CGO_ENABLED: '0' } });
  await step('Building the gateway and the engine', async () => {
    const programs = await build(['-o', `${bin}/`, './cmd/...']);
    if (programs.code !== 0) return programs;
    return build(['-ldflags=-s -w', '-o', join(bin, 'sandbox-init'), './judge0/sandbox/init']);
  });
}

export const webServer = join(root, 'web', '.next', 'standalone', 'server.js');

/** Builds the web client for production. */
export async function buildWeb() {
  const web = join(root, 'web');
  const sources = [
    'src',
    'public',
    'scripts',
    'package-lock.json',
    'next.config.ts',
    'tsconfig.json',
  ];
  await whenChanged(
    'web',
    sources.map((name) => join(web, name)),
    webServer,
    'Building the web client',
    () => run('npm', ['run', 'build'], { cwd: web }),
  );
}

/** Ends with advice where the machine lacks what everything needs. */
export async function checkMachine() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (process.platform !== 'linux')
    fail("Sandgate's sandbox is made of Linux namespaces: it runs on Linux only.");
  if (major < 20 || (major === 20 && minor < 9))
    fail(`Node ${process.versions.node} is too old: 20.9 or newer is needed.`);
  const go = await run('go', ['version']);
  if (go.code !== 0)
    fail('Go is not installed: get 1.26 or newer from https://go.dev/dl and put it on the PATH.');
}

/** A port of this machine that nothing uses now. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(String(port)));
    });
  });
}
