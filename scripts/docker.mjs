// Docker and Compose as the scripts of the cluster use them: what is installed, the settings in .env,
// and calls of `docker compose` with them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './steps.mjs';

export const folder = join(root, 'compose');

/** The file of the cluster's settings and secrets; another one makes another cluster of this machine. */
export const envFile = process.env.SANDGATE_CLUSTER_ENV || join(folder, '.env');

/** `!override` and optional env_files need it. */
const oldestCompose = [2, 24];

/** Tells what keeps Docker from being used, in a sentence with what to do; undefined if nothing does. */
export async function whyNoDocker() {
  const version = await run('docker', ['version', '--format', '{{.Server.Version}}']);
  if (version.code === 127)
    return 'Docker is not installed: see https://docs.docker.com/engine/install.';
  if (/permission denied/i.test(version.output))
    return 'Docker is there, but you may not use it: run this as root, or join the group docker.';
  if (version.code !== 0)
    return "Docker's engine does not run: start it (systemctl start docker), then try again.";
  const compose = await run('docker', ['compose', 'version', '--short']);
  const [major, minor] = (compose.output.match(/\d+/g) ?? []).map(Number);
  if (compose.code !== 0)
    return 'Docker Compose is not installed: see https://docs.docker.com/compose/install/linux.';
  if (major < oldestCompose[0] || (major === oldestCompose[0] && minor < oldestCompose[1]))
    return `Docker Compose ${compose.output.trim()} is too old: ${oldestCompose.join('.')} or newer is needed.`;
  return undefined;
}

/** The settings of the cluster, as they stand in the file. */
export function settings() {
  const found = {};
  if (!existsSync(envFile)) return found;
  for (const line of readFileSync(envFile, 'utf8').split('\n')) {
    const [, name, value] = line.match(/^([A-Z0-9_]+)=(.*)$/) ?? [];
    if (name) found[name] = unquoted(value.trim());
  }
  return found;
}

/** A value as Compose takes it: without a pair of quotes around it. */
const unquoted = (value) => value.match(/^(["'])(.*)\1$/)?.[2] ?? value;

/** What compose.yml sets itself, by the file in which it would have no effect; and where it is set: .env or nowhere. */
export const elsewhere = {
  'gateway.env': {
    SANDGATE_HOST: '',
    SANDGATE_PORT: '',
    SANDGATE_DATABASE_URL: 'MONGODB_URL',
    SANDGATE_REDIS_URL: '',
    SANDGATE_ENGINE_URL: '',
    SANDGATE_ENGINE_TOKEN: 'AUTHN_TOKEN',
    SANDGATE_BOOTSTRAP_KEY: 'BOOTSTRAP_KEY',
    SANDGATE_WEB_KEY: 'WEB_KEY',
    SANDGATE_TRUSTED_PROXIES: '',
    SANDGATE_CLIENT_IP_HEADER: '',
    SANDGATE_METRICS: '',
    SANDGATE_INSTANCE: '',
    SANDGATE_CALLBACK_URL: '',
  },
  'judge0.env': {
    LISTEN: '',
    PORT: '',
    AUTHN_TOKEN: 'AUTHN_TOKEN',
    AUTHZ_TOKEN: 'AUTHZ_TOKEN',
    DATABASE_URL: 'POSTGRES_URL',
    REDIS_URL: '',
    MAX_QUEUE_SIZE: 'MAX_QUEUE_SIZE',
    LEASE: 'LEASE',
    RETENTION: 'RETENTION',
    COUNT: 'COUNT',
    SANDBOX_REQUIRE_CGROUP: '',
  },
};

/** What stands in a file of settings and would have no effect, in sentences for whoever wrote it there. */
export function ignored(where = folder) {
  return Object.entries(elsewhere).flatMap(([file, names]) => {
    const path = join(where, file);
    if (!existsSync(path)) return [];
    const set = [...readFileSync(path, 'utf8').matchAll(/^\s*(?:export\s+)?(\w+)\s*=/gm)];
    return set
      .filter(([, name]) => name in names)
      .map(
        ([, name]) =>
          `${name} in compose/${file} has no effect: compose.yml sets it. ` +
          (names[name]
            ? `Set ${names[name]} in compose/.env instead.`
            : 'Remove it; an overlay in COMPOSE_FILE can set another value.'),
      );
  });
}

/** Runs `docker compose` on the cluster. */
export function compose(args, options = {}) {
  const { COMPOSE_FILE = 'compose.yml', COMPOSE_PROFILES = '', COMPOSE_PROJECT_NAME } = settings();
  const env = { COMPOSE_FILE, COMPOSE_PROFILES, DOCKER_BUILDKIT: '1', ...options.env };
  if (COMPOSE_PROJECT_NAME) env.COMPOSE_PROJECT_NAME = COMPOSE_PROJECT_NAME;
  return run('docker', ['compose', '--env-file', envFile, ...args], {
    ...options,
    cwd: folder,
    env,
  });
}

/** The project's name, which begins the names of its containers, networks and volumes. */
export const project = () => settings().COMPOSE_PROJECT_NAME ?? 'editor-mini';

/** The containers of the cluster, stopped ones too, in the order of their names. */
export async function containers() {
  const { code, output } = await compose(['ps', '--all', '--format', 'json']);
  if (code !== 0) return [];
  const list = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  return list.sort((a, b) => a.Name.localeCompare(b.Name));
}

/** Writes rows below a heading, in columns. */
export function table(heading, rows) {
  const all = [heading, ...rows].map((row) => row.map(String));
  const widths = heading.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  for (const row of all)
    console.log(
      '  ' +
        row
          .map((cell, i) => cell.padEnd(widths[i]))
          .join('  ')
          .trimEnd(),
    );
}
