// Debian's packages, for what tests need of the machine.
import { existsSync, readFileSync } from 'node:fs';
import { run } from './steps.mjs';

/** Whether a command is there; shell alternatives (`a || b`) are too. */
export const has = async (command) =>
  (await run('/bin/sh', ['-c', `command -v ${command}`])).code === 0;

/** Whether this is Debian itself, and we are root. */
export const isDebianRoot = () =>
  process.getuid() === 0 &&
  existsSync('/etc/os-release') &&
  /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));

/** Installs packages; gives the end of what apt said if it could not. */
export async function installPackages(names) {
  console.log(`  Installing ${names.join(', ')}`);
  await run('apt-get', ['update', '-qq']);
  const { code, output } = await run(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', ...names],
    { env: { DEBIAN_FRONTEND: 'noninteractive' } },
  );
  return code === 0 ? undefined : output.trim().split('\n').slice(-10).join('\n');
}
