// What the virtual machines of test:vm are made of: Debian's packages, unpacked and not configured, and its
// kernels. apt's state is in a folder of its own, so the machine's packages stay as they are, and packages of
// another architecture can be had.
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { bin, run } from './../steps.mjs';

const place = join(bin, 'cache', 'vm');
const suites = ['trixie', 'bookworm', 'bullseye'];

/** What the sandbox's tests run. */
const packages = [
  ...['base-files', 'bash', 'busybox-static', 'coreutils', 'dash', 'findutils', 'gcc', 'grep'],
  ...['hostname', 'libc-bin', 'libc6-dev', 'mawk', 'mount', 'python3', 'sed', 'util-linux'],
];

/** What a kernel needs to mount a disk of QEMU's. The one that has it built in has no such file. */
const modules = [
  ...['crc16', 'crc32c_generic', 'crc32c-intel', 'libcrc32c', 'mbcache', 'jbd2', 'ext4'],
  ...['virtio', 'virtio_ring', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci'],
  'virtio_blk',
];

async function must(command, args, options) {
  const { code, output } = await run(command, args, options);
  if (code !== 0)
    throw new Error(
      `${command} ${args.slice(0, 3).join(' ')}: ${output.trim().split('\n').at(-1)}`,
    );
  return output;
}

const shell = (script, ...args) => must('/bin/bash', ['-euc', script, 'bash', ...args]);

/** Prepares apt for an architecture; gives what runs one of its commands. */
async function prepareApt(arch) {
  const apt = join(place, arch, 'apt');
  for (const part of ['lists/partial', 'cache/archives/partial', 'none'])
    mkdirSync(join(apt, part), { recursive: true });
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const mirror = process.env.DEBIAN_MIRROR || 'http://deb.debian.org/debian';
  const files = {
    status: '',
    'sources.list': suites
      .map((suite) => `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`)
      .join(''),
    'apt.conf': Object.entries({
      'Dir::State': apt,
      'Dir::State::status': join(apt, 'status'),
      'Dir::Cache': join(apt, 'cache'),
      'Dir::Etc::sourcelist': join(apt, 'sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::Etc::parts': join(apt, 'none'),
      'Dir::Etc::preferencesparts': join(apt, 'none'),
      'APT::Architecture': arch,
      'APT::Install-Recommends': 'false',
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
    })
      .map(([name, value]) => `${name} "${value}";\n`)
      .join(`APT::Architectures { "${arch}"; };\n`),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(apt, name), text);
  const env = { APT_CONFIG: join(apt, 'apt.conf'), DEBIAN_FRONTEND: 'noninteractive' };
  return {
    archives: join(apt, 'cache', 'archives'),
    apt: (command, ...args) => must(command, args, { env, cwd: apt }),
  };
}

/** Unpacks a package over a folder, through the links that are there. */
const unpack = (deb, to) =>
  shell('dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink', deb, to);

/** Makes the root of a machine; gives its disk. */
async function makeRoot(arch, { apt, archives }) {
  const disk = join(place, arch, 'root.img');
  if (existsSync(disk)) return disk;
  await apt('apt-get', 'install', '--yes', '-qq', '--download-only', ...packages);
  const debs = readdirSync(archives).filter((name) => name.endsWith('.deb'));
  const folder = join(place, arch, 'root');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  // First the links of the merged /usr.
  debs.sort((a, b) => b.startsWith('base-files_') - a.startsWith('base-files_'));
  for (const deb of debs) await unpack(join(archives, deb), folder);
  const files = {
    'etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nordinary:x:1000:1000::/tmp:/bin/bash\n',
    'etc/group': 'root:x:0:\nordinary:x:1000:\n',
    'etc/shadow': 'root:*:19000:0:99999:7:::\n',
    'etc/hosts': '127.0.0.1 localhost\n',
    'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  };
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, name), text, { mode: name === 'etc/shadow' ? 0o600 : 0o644 });
  if (!existsSync(join(folder, 'usr/bin/awk'))) symlinkSync('mawk', join(folder, 'usr/bin/awk'));
  for (const name of ['payload', 'dev', 'proc', 'sys', 'run', 'tmp'])
    mkdirSync(join(folder, name), { recursive: true });
  await makeDisk(`${disk}.new`, folder, '1G');
  await shell('mv "$1.new" "$1"; rm -rf "$2"', disk, folder);
  return disk;
}

/** Makes a disk with what is in a folder. */
export const makeDisk = (disk, folder, size) =>
  shell('rm -f "$1"; mkfs.ext4 -q -m 0 -d "$2" "$1" "$3"', disk, folder, size);

/** Finds the newest kernel of a series such as 6.1, and makes its first file system. */
async function makeKernel(arch, series, busybox, { apt, archives }) {
  const records = (await apt('apt-cache', 'show', `linux-image-cloud-${arch}`)).split('\n\n');
  const record = records.find((text) =>
    text.match(/^Version: (.*)$/m)?.[1].startsWith(`${series}.`),
  );
  const name = record?.match(/^Depends: .*?(linux-image-[^ ,]+)/m)?.[1];
  if (!name) throw new Error(`Debian has no kernel ${series} for ${arch}`);
  const folder = join(place, arch, name);
  const kernel = {
    version: record.match(/^Version: (.*)$/m)[1],
    image: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd'),
  };
  if (existsSync(kernel.initrd)) return kernel;
  rmSync(folder, { recursive: true, force: true });
  const tree = join(folder, 'tree');
  const first = join(folder, 'first');
  mkdirSync(tree, { recursive: true });
  mkdirSync(join(first, 'modules'), { recursive: true });
  await must('apt-get', ['download', '-qq', name], {
    cwd: folder,
    env: { APT_CONFIG: join(archives, '..', '..', 'apt.conf') },
  });
  await unpack(
    join(
      folder,
      readdirSync(folder).find((file) => file.endsWith('.deb')),
    ),
    tree,
  );
  const found = readdirSync(tree, { recursive: true }).filter((path) => {
    const module = basename(path).match(/^(.*)\.ko(\.xz)?$/)?.[1];
    return modules.includes(module) && lstatSync(join(tree, path)).isFile();
  });
  for (const path of found) cpSync(join(tree, path), join(first, 'modules', basename(path)));
  await shell(
    'shopt -s nullglob; cd "$1"; set -- *.xz; [ $# = 0 ] || xz -d "$@"',
    join(first, 'modules'),
  );
  cpSync(busybox, join(first, 'busybox'));
  cpSync(join(import.meta.dirname, 'init.sh'), join(first, 'init'));
  await shell('cp "$1"/boot/vmlinuz-* "$2"', tree, kernel.image);
  writeFileSync(`${kernel.initrd}.new`, archive(first));
  await shell(
    'mv "$1.new" "$1"; rm -rf "$2" "$3"; rm -f "$4"/*.deb',
    kernel.initrd,
    tree,
    first,
    folder,
  );
  return kernel;
}

/** Packs a folder as a kernel takes it at its start: cpio, in the format "newc". */
function archive(folder) {
  const parts = [];
  const pad = (buffer) => Buffer.concat([buffer, Buffer.alloc(-buffer.length & 3)]);
  const add = (name, mode, content = Buffer.alloc(0)) => {
    const fields = [
      parts.length + 1,
      mode,
      0,
      0,
      1,
      0,
      content.length,
      0,
      0,
      0,
      0,
      name.length + 1,
      0,
    ];
    const header = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
    parts.push(pad(Buffer.from(`070701${header}${name}\0`)), pad(content));
  };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isDirectory()) add(name, 0o040755);
    else add(name, 0o100755, readFileSync(path));
  }
  add('TRAILER!!!', 0);
  return Buffer.concat(parts);
}

/** Prepares machines of an architecture: the disk of their root, and a kernel of each series. */
export async function prepareImages(arch, series) {
  mkdirSync(join(place, arch), { recursive: true });
  const apt = await prepareApt(arch);
  const age = existsSync(join(place, arch, 'root.img'));
  if (!age) await apt.apt('apt-get', 'update', '-qq');
  const disk = await makeRoot(arch, apt);
  const busybox = join(place, arch, 'busybox');
  if (!existsSync(busybox)) {
    const deb = readdirSync(apt.archives).find((name) => name.startsWith('busybox-static_'));
    await shell(
      'dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/bin/busybox > "$2.new"; chmod 755 "$2.new"; mv "$2.new" "$2"',
      join(apt.archives, deb),
      busybox,
    );
  }
  const kernels = [];
  for (const one of series) kernels.push(await makeKernel(arch, one, busybox, apt));
  return { disk, kernels };
}

export { place };
