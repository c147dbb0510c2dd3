// Docker for tests, where it is not there yet: from Debian's packages, as root.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { whyNoDocker } from './docker.mjs';
import { has, installPackages, isDebianRoot } from './packages.mjs';
import { bin, run } from './steps.mjs';

const tools = join(bin, 'docker-tools');
const nothing = async () => {};

/**
 * Sees to it that Docker and Compose can be used, by installing and starting them if that is wanted. Gives `why` not, in a sentence, or `stop`, which ends
 * an engine that was started here.
 */
export async function prepareDocker({ install }) {
  useTools();
  const absent = await whyNoDocker();
  if (!absent) return { stop: nothing };
  if (!install) return { why: `${absent} \`npm run test:cluster\` installs it as root` };
  if (!isDebianRoot()) return { why: await whyNoDocker() };

  const missing = [];
  if (!(await has('dockerd'))) missing.push('docker.io', 'iptables');
  if (!(await has('debootstrap'))) missing.push('debootstrap');
  if (missing.length) {
    const problem = await installPackages(missing);
    if (problem) return { why: `${missing.join(', ')} can't be installed: ${lastLine(problem)}` };
  }
  if (
    (await run('docker', ['compose', 'version'])).code !== 0 ||
    /old/.test((await whyNoDocker()) ?? '')
  ) {
    const problem = await fetchPlugins();
    if (problem) return { why: `Docker Compose can't be installed: ${problem}` };
  }
  let stop = nothing;
  if ((await run('docker', ['info'])).code !== 0) {
    stop = await startEngine();
    if (!stop)
      return { why: `Docker's engine does not start here: ${join(tools, 'dockerd.log')} says why` };
  }
  const why = await whyNoDocker();
  if (why) await stop();
  return why ? { why } : { stop };
}

const lastLine = (text) => text.trim().split('\n').at(-1);

/** Takes the plugins that an earlier run fetched. */
function useTools() {
  if (
    existsSync(join(tools, 'config', 'cli-plugins', 'docker-compose')) &&
    !process.env.DOCKER_CONFIG
  )
    process.env.DOCKER_CONFIG = join(tools, 'config');
}

/**
 * Fetches Compose and Buildx as single packages of Debian 13, with apt's state in a folder of their own:
 * the machine's packages stay as they are.
 */
async function fetchPlugins() {
  const apt = join(tools, 'apt');
  for (const part of ['lists/partial', 'cache/archives/partial', 'debs', 'preferences'])
    mkdirSync(join(apt, part), { recursive: true });
  const plugins = join(tools, 'config', 'cli-plugins');
  mkdirSync(plugins, { recursive: true });
  const sources = join(apt, 'sources.list');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const mirror = process.env.DEBIAN_MIRROR || 'http://deb.debian.org/debian';
  writeFileSync(sources, `deb [signed-by=${keyring}] ${mirror} trixie main\n`);
  const options = [
    '-qq',
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::Etc::preferencesparts=${apt}/preferences`,
    'APT::Sandbox::User=root',
  ].flatMap((option, i) => (i === 0 ? [option] : ['-o', option]));
  console.log('  Fetching Docker Compose');
  for (const args of [['update'], ['download', 'docker-compose/trixie', 'docker-buildx/trixie']]) {
    const { code, output } = await run('apt-get', [...options, ...args], {
      cwd: join(apt, 'debs'),
    });
    if (code !== 0) return lastLine(output);
  }
  for (const file of readdirSync(join(apt, 'debs'))) {
    const { code, output } = await run('dpkg-deb', [
      '-x',
      join(apt, 'debs', file),
      join(tools, 'root'),
    ]);
    if (code !== 0) return lastLine(output);
  }
  const unpacked = join(tools, 'root', 'usr', 'libexec', 'docker', 'cli-plugins');
  for (const name of readdirSync(unpacked))
    if (!existsSync(join(plugins, name))) symlinkSync(join(unpacked, name), join(plugins, name));
  process.env.DOCKER_CONFIG = join(tools, 'config');
  return undefined;
}

/** Starts the engine; gives what ends it, or undefined if it does not come up. */
async function startEngine() {
  mkdirSync(tools, { recursive: true });
  const log = openSync(join(tools, 'dockerd.log'), 'a');
  const engine = spawn('dockerd', [], { detached: true, stdio: ['ignore', log, log] });
  const ended = new Promise((resolve) => {
    engine.on('error', resolve);
    engine.on('exit', resolve);
  });
  let running = true;
  void ended.then(() => (running = false));
  const stop = async () => {
    if (running) engine.kill('SIGTERM');
    await ended;
  };
  for (let tries = 0; running && tries < 60; tries++) {
    if ((await run('docker', ['info'])).code === 0) return stop;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  await stop();
  return undefined;
}
