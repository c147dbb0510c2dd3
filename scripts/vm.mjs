// npm run test:vm: the tests of the sandbox on kernels other than this machine's, in virtual machines: cgroup v2
// as root, in a container, and as an ordinary user with and without a group of its own, on several kernels
// and on arm64. It needs root on Debian; all is emulated, and takes more than an hour. `-- arm64` or `-- 6.1` runs the machines whose
// names have that in them, `-- --places host,user` some of the places (see vm/run.sh), `-- --short` fewer tests.
// What the machines print is kept in bin/vm.
import { spawn } from 'node:child_process';
import { cpSync, createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { counter } from './count.mjs';
import { has, installPackages, isDebianRoot } from './packages.mjs';
import { bin, checkMachine, root, run } from './steps.mjs';
import { makeDisk, prepareImages } from './vm/image.mjs';

const everywhere = ['host', 'service', 'container', 'private', 'user', 'undelegated'];

/** The machines, by Debian's kernels. Before 5.19 there is no memory.peak. A second
 * processor of that kernel's does not come up by a clock that follows instructions. */
const machines = [
  { arch: 'amd64', series: '6.12', places: everywhere },
  { arch: 'amd64', series: '6.1', places: ['service', 'user'], suite: 'short' },
  { arch: 'amd64', series: '5.10', places: ['service', 'user'], suite: 'short', cores: 1 },
  { arch: 'arm64', series: '6.12', places: ['service', 'user'] },
];

// Clocks follow what the machine has done, so that no limit of time depends on how busy the host is. The
// emulator's 16-byte compare-and-swap is not to be trusted with that.
const emulators = {
  amd64: ['qemu-system-x86_64', '-machine', 'q35', '-cpu', 'max,-cx16,-la57'],
  arm64: ['qemu-system-aarch64', '-machine', 'virt', '-cpu', 'max,pauth-impdef=on'],
};
const consoles = { amd64: 'ttyS0', arm64: 'ttyAMA0' };

/** What holds programs in a place: what the tests must say. */
const isolation = (place) =>
  place === 'undelegated' ? /resource limits \(weaker: / : /namespaces and cgroup v2$/;

/** No machine takes longer. */
const patience = 3 * 3600_000;

/** Sees to it that the emulators are there; gives `why` not. */
async function prepareEmulators() {
  if (!isDebianRoot()) return 'it needs root on Debian, whose packages the machines are made of';
  const missing = [];
  if (!(await has('qemu-system-x86_64'))) missing.push('qemu-system-x86');
  if (!(await has('qemu-system-aarch64'))) missing.push('qemu-system-arm');
  if (!(await has('mkfs.ext4'))) missing.push('e2fsprogs');
  if (!(await has('xz'))) missing.push('xz-utils');
  if (missing.length === 0) return undefined;
  const problem = await installPackages(missing);
  return problem && `${missing.join(', ')} can't be installed: ${problem}`;
}

/** Builds the programs and the test programs for an architecture; gives the disk with them. */
async function makePayload(arch) {
  const folder = join(bin, 'vm', arch);
  rmSync(folder, { recursive: true, force: true });
  const go = async (...args) => {
    const { code, output } = await run('go', args, { env: { CGO_ENABLED: '0', GOARCH: arch } });
    if (code !== 0) throw new Error(output);
  };
  for (const name of ['birth', 'wire', 'sandbox', 'runner']) {
    const source = { birth: 'sandbox/birth', wire: 'sandbox/wire' }[name] ?? name;
    mkdirSync(join(folder, name), { recursive: true });
    await go('test', '-c', '-o', join(folder, name, `${name}.test`), `./judge0/${source}`);
  }
  await go('build', '-o', join(folder, 'judge0'), './cmd/judge0');
  await go('build', '-ldflags=-s -w', '-o', join(folder, 'sandbox-init'), './judge0/sandbox/init');
  const testdata = join('sandbox', 'testdata');
  cpSync(join(root, 'judge0', testdata), join(folder, testdata), { recursive: true });
  for (const name of ['run.sh', 'tests.sh', 'submit.py'])
    cpSync(join(import.meta.dirname, 'vm', name), join(folder, name));
  const disk = join(bin, 'vm', `${arch}.img`);
  await makeDisk(disk, folder, '256M');
  return disk;
}

/** Runs a machine, and calls back with each line that it prints. */
function boot({ arch, places, suite = 'full', cores = 2 }, kernel, disks, log, hear) {
  const [command, ...options] = emulators[arch];
  const drives = disks.flatMap((file) => [
    '-drive',
    `file=${file},format=raw,if=virtio,snapshot=on`,
  ]);
  const args = [
    ...options,
    ...['-accel', 'tcg', '-icount', 'shift=0', '-m', '3G', '-smp', String(cores)],
    ...['-nographic', '-no-reboot', '-nic', 'none', '-kernel', kernel.image, '-initrd'],
    ...[kernel.initrd, ...drives, '-append'],
    `console=${consoles[arch]} panic=-1 quiet mitigations=off places=${places.join(',')} suite=${suite}`,
  ];
  return new Promise((resolve) => {
    const machine = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => machine.kill('SIGKILL'), patience);
    const output = createWriteStream(log);
    machine.stderr.pipe(output, { end: false });
    createInterface({ input: machine.stdout }).on('line', (line) => {
      output.write(`${line}\n`);
      hear(line.replaceAll('\r', ''));
    });
    machine.on('error', (error) => hear(`--- FAIL: ${error.message}`));
    machine.on('close', () => {
      clearTimeout(timer);
      output.end(resolve);
    });
  });
}

/** Runs a machine and counts what its tests tell. */
async function tryOut(machine, kernel, disks, count) {
  const name = `${machine.arch}, Linux ${kernel.version}`;
  const log = join(bin, 'vm', `${machine.arch}-${machine.series}.log`);
  let place,
    package_,
    sums,
    failures,
    ended = false;
  const flush = () => {
    if (!package_) return;
    if (failures.length) console.log(failures.join('\n'));
    count(`${name}, ${place}, ${package_}`, sums);
    package_ = undefined;
  };
  await boot(machine, kernel, disks, log, (line) => {
    const [, mark, rest] = line.match(/^@@ (\w+) ?(.*)$/) ?? [];
    const [, verdict] = line.match(/^\s*--- (PASS|FAIL|SKIP): /) ?? [];
    const [, held] = line.match(/^isolation: (.*)$/) ?? [];
    const fail = (why) => {
      sums.failed++;
      failures.push(why);
    };
    if (mark === 'kernel') console.log(`  ${name}: it says ${rest}`);
    if (mark === 'place') {
      flush();
      place = rest;
    }
    if (mark === 'package') {
      flush();
      [package_, sums, failures] = [rest, { passed: 0, failed: 0, skipped: 0 }, []];
    }
    if (mark === 'exit' && rest !== '0' && sums.failed === 0) fail(`it ended with ${rest}`);
    if (mark === 'done') ended = true;
    if (held && !isolation(place).test(held)) fail(line);
    if (verdict && sums) {
      if (verdict === 'PASS') sums.passed++;
      else if (verdict === 'SKIP') sums.skipped++;
      else fail(line);
    }
  });
  flush();
  if (!ended) count(name, { failed: 1 }, `it did not come to its end, see ${log}`);
}

await checkMachine();
const { values: options, positionals: names } = parseArgs({
  options: { places: { type: 'string' }, short: { type: 'boolean' } },
  allowPositionals: true,
});
const wanted = machines.filter(
  ({ arch, series }) =>
    names.length === 0 || names.some((name) => `${arch}-${series}`.includes(name)),
);
const { count, total, report } = counter();
const why = await prepareEmulators();
if (why) {
  count('Virtual machines', { skipped: 1 }, why);
} else {
  for (const arch of new Set(wanted.map((machine) => machine.arch))) {
    const list = wanted.filter((machine) => machine.arch === arch);
    const { disk, kernels } = await prepareImages(
      arch,
      list.map(({ series }) => series),
    );
    const payload = await makePayload(arch);
    const swap = join(bin, 'vm', 'swap.img');
    await run('truncate', ['--size=256M', swap]);
    for (const [i, machine] of list.entries())
      await tryOut(
        {
          ...machine,
          places: options.places?.split(',') ?? machine.places,
          suite: options.short ? 'short' : machine.suite,
        },
        kernels[i],
        [disk, payload, swap],
        count,
      );
  }
}
report();
process.exit(total.failed > 0 ? 1 : 0);
