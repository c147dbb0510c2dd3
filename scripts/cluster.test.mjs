// What the scripts of the cluster make of settings, with a stand-in for `docker`: no engine and no registry is asked.
// `node --test scripts/cluster.test.mjs`.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { root, run } from './steps.mjs';

const place = mkdtempSync(join(tmpdir(), 'sandgate-standin-'));
after(() => rmSync(place, { recursive: true, force: true }));
const envFile = join(place, '.env');
process.env.SANDGATE_CLUSTER_ENV = envFile;
const { elsewhere, ignored, settings } = await import('./docker.mjs');

// It knows two images of registries, and one service that is built; it tells what it was asked with.
writeFileSync(
  join(place, 'docker'),
  `#!${process.execPath}
const args = process.argv.slice(2).join(' ');
const { appendFileSync } = require('node:fs');
appendFileSync(${JSON.stringify(join(place, 'asked'))}, process.env.COMPOSE_FILE + ' ' + args + '\\n');
const services = { db: { image: 'redis:8' }, ui: { image: 'a/grafana:12' },
  us: { image: 'ours', build: { args: { BASE: 'debian:x', LANGUAGES: 'full' } } }, other: { image: 'redis:8' } };
const digests = { 'redis:8': 'a', 'a/grafana:12': 'b', 'debian:x': process.env.MOVED ? 'd' : 'c' };
const name = args.match(/imagetools inspect (\\S+)/)?.[1];
if (args.startsWith('compose version')) console.log('2.40.0');
else if (args.includes('config --format json')) console.log(JSON.stringify({ services }));
else if (name && process.env.AWAY !== name)
  console.log(JSON.stringify({ mediaType: 'x', digest: 'sha256:' + digests[name].repeat(64), size: 1 }));
else if (name) { console.error('no such manifest'); process.exit(1); }
`,
);
chmodSync(join(place, 'docker'), 0o755);

const setup = (args, env = {}) =>
  run('node', ['scripts/cluster.mjs', 'setup', ...args], {
    cwd: root,
    env: { PATH: `${place}:${process.env.PATH}`, SANDGATE_CLUSTER_ENV: envFile, ...env },
  });
const pins = () => {
  const text = readFileSync(join(place, 'pinned.yml'), 'utf8');
  return JSON.parse(text.slice(text.indexOf('{'))).services;
};

it('setup -- --pin writes the digest of every image and base, and renews them', async () => {
  const first = await setup(['--pin']);
  assert.equal(first.code, 0, first.output);
  const digest = (letter) => `sha256:${letter.repeat(64)}`;
  assert.deepEqual(pins(), {
    db: { image: `redis:8@${digest('a')}` },
    ui: { image: `a/grafana:12@${digest('b')}` },
    us: { build: { args: { BASE: `debian:x@${digest('c')}` } } },
    other: { image: `redis:8@${digest('a')}` },
  });
  const files = settings().COMPOSE_FILE;
  assert.match(files, /^compose\.yml:.*pinned\.yml$/);
  const asked = readFileSync(join(place, 'asked'), 'utf8');
  assert.match(asked, /^compose\.yml compose .*--profile \* config --format json$/m);

  const second = await setup(['--pin'], { MOVED: '1' });
  assert.equal(second.code, 0, second.output);
  assert.equal(pins().us.build.args.BASE, `debian:x@${digest('d')}`);
  assert.equal(settings().COMPOSE_FILE, files);

  // What can't be told leaves all as it was.
  const away = await setup(['--pin'], { AWAY: 'a/grafana:12' });
  assert.equal(away.code, 1);
  assert.match(away.output, /no digest of a\/grafana:12/);
  assert.equal(pins().us.build.args.BASE, `debian:x@${digest('d')}`);
  assert.equal(settings().COMPOSE_FILE, files);
});

it('settings are read without their quotes, as Compose does', () => {
  const kept = readFileSync(envFile, 'utf8');
  writeFileSync(envFile, `A="x y"\nB='z'\nC=plain\nD="\nE=it's\nF=""\nG="a'\n`);
  assert.deepEqual(settings(), {
    A: 'x y',
    B: 'z',
    C: 'plain',
    D: '"',
    E: "it's",
    F: '',
    G: `"a'`,
  });
  writeFileSync(envFile, kept);
});

it('settings that would have no effect are named, with the place where they belong', () => {
  const folder = mkdtempSync(join(place, 'compose-'));
  assert.deepEqual(ignored(folder), []);
  writeFileSync(
    join(folder, 'gateway.env'),
    '# SANDGATE_HOST=x\nSANDGATE_RATE=5\nSANDGATE_METRICS=key\n',
  );
  writeFileSync(join(folder, 'judge0.env'), 'COUNT=4\nMEMORY_LIMIT=1\n DATABASE_URL = x\n');
  const said = ignored(folder);
  assert.equal(said.length, 3, said.join('\n'));
  assert.match(said[0], /^SANDGATE_METRICS in compose\/gateway\.env .*overlay/);
  assert.match(said[1], /^COUNT in compose\/judge0\.env .*Set COUNT in compose\/\.env/);
  assert.match(said[2], /^DATABASE_URL .*Set POSTGRES_URL/);
  assert.ok(Object.keys(elsewhere['gateway.env']).length > 10);
});
