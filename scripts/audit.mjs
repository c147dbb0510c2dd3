// npm run audit: known vulnerabilities of what the product is made of, and what that is. govulncheck and
// npm audit ask a public service; where it can't be reached that is said and counted as skipped. The
// bills of materials (CycloneDX) are made without it and go to bin/sbom. The images of the cluster are
// scanned where a scanner is installed and they were built. It fails when a check finds
// something; `npm run audit -- --strict` also when one is skipped.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter } from './count.mjs';
import { bin, buildGo, root, run } from './steps.mjs';

const { count, total, report } = counter();
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const sbom = join(bin, 'sbom');
mkdirSync(sbom, { recursive: true });

const tool = (name, ...args) =>
  run('go', ['tool', `-modfile=${join('tools', 'go.mod')}`, name, ...args]);

/** What a program says when a service does not answer, as against an answer that is bad. */
const unreachable =
  /no such host|dial tcp|connection refused|i\/o timeout|TLS handshake|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOAUDIT|audit endpoint returned an error|not implemented|40[0-9] |50[0-9] /i;

/** Counts a check: 0 is good; a service that can't be reached is skipped; the rest has found something. */
function judge(title, { code, output }) {
  if (code === 0) return count(title, { passed: 1 });
  const why = output.split('\n').find((line) => unreachable.test(line));
  if (why) {
    console.log(`  ${title}: skipped, the database can't be reached: ${why.trim()}`);
    return count(title, { skipped: 1 });
  }
  console.log(output.trimEnd());
  count(title, { failed: 1 });
}

// govulncheck ends with 3 where it has found something, whatever the text says.
const go = await tool('govulncheck', './...');
if (go.code === 3) {
  console.log(go.output.trimEnd());
  count('govulncheck', { failed: 1 });
} else judge('govulncheck', go);

/** The folders with packages of npm: those with a lock file. */
const folders = [
  'web',
  ...readdirSync(join(root, 'toolchains')).map((name) => join('toolchains', name)),
].filter((folder) => existsSync(join(root, folder, 'package-lock.json')));

for (const folder of folders) {
  const cwd = join(root, folder);
  const { code, output } = await run('npm', ['audit', '--omit=dev', '--json'], { cwd });
  let found;
  try {
    found = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1));
  } catch {
    found = {};
  }
  // With an answer its exit code counts, and without one the service has failed.
  if (found.metadata?.vulnerabilities)
    judge(`npm audit of ${folder}`, { code, output: code ? summary(found) : '' });
  else
    judge(`npm audit of ${folder}`, {
      code: code || 1,
      output: `ENOAUDIT ${found.error?.summary || found.message || 'no answer'}`,
    });
}

function summary({ vulnerabilities }) {
  return Object.values(vulnerabilities)
    .map(({ name, severity, range }) => `${name} ${range}: ${severity}`)
    .join('\n');
}

/** Writes a bill of materials, and counts it when it lists anything. */
function keep(title, file, { code, output }) {
  try {
    if (code === 0) {
      const text = output || readFileSync(join(sbom, file), 'utf8');
      const bill = JSON.parse(text.slice(text.indexOf('{')));
      if (bill.bomFormat === 'CycloneDX' && bill.components?.length > 0) {
        writeFileSync(join(sbom, file), JSON.stringify(bill, null, 2) + '\n');
        console.log(`  bin/sbom/${file}: ${bill.components.length} components`);
        return count(title, { passed: 1 });
      }
    }
  } catch (error) {
    output += `\n${error.message}`;
  }
  console.log(output.split('\n').slice(-20).join('\n'));
  count(title, { failed: 1 });
}

// Of the programs as they are built: what is linked into them, and nothing else.
await buildGo();
for (const program of ['sandgate', 'gateway', 'judge0', 'sandbox-init']) {
  const file = `${program}.cdx.json`;
  const { code, output } = await tool(
    'cyclonedx-gomod',
    'bin',
    '-json',
    `-version=${version}`,
    `-output=${join(sbom, file)}`,
    join(bin, program),
  );
  keep(`bill of materials of ${program}`, file, { code, output: code ? output : '' });
}
for (const folder of folders) {
  const cwd = join(root, folder);
  keep(
    `bill of materials of ${folder}`,
    `${folder.replace('/', '-')}.cdx.json`,
    await run(
      'npm',
      ['sbom', '--sbom-format=cyclonedx', '--package-lock-only', '--loglevel=error'],
      { cwd },
    ),
  );
}

/** What scans an image for what is known of the packages in it, and its exit code where it found something. */
const scanners = [
  {
    name: 'trivy',
    args: ['image', '--quiet', '--severity=HIGH,CRITICAL', '--ignore-unfixed', '--exit-code=3'],
    found: 3,
  },
  { name: 'grype', args: ['--quiet', '--fail-on=high', '--only-fixed'], found: 2 },
];

/** The images that were built here, or why none can be scanned. */
async function imagesToScan() {
  const images = await run('docker', [
    'image',
    'ls',
    '--filter=reference=sandgate-*',
    '--format={{.Repository}}:{{.Tag}}',
  ]);
  if (images.code !== 0) return { why: "Docker can't be asked for images" };
  const names = images.output.split('\n').filter(Boolean);
  if (names.length === 0) return { why: 'no image was built' };
  for (const scanner of scanners)
    if ((await run(scanner.name, ['--version'])).code === 0) return { names, scanner };
  return { why: 'neither trivy nor grype is installed' };
}

const { names = [], scanner, why } = await imagesToScan();
if (why) {
  console.log(`  scan of images: skipped, ${why}`);
  count('scan of images', { skipped: 1 });
}
for (const name of names) {
  const title = `${scanner.name} of ${name}`;
  const result = await run(scanner.name, [...scanner.args, name]);
  if (result.code === scanner.found) {
    console.log(result.output.trimEnd());
    count(title, { failed: 1 });
  } else judge(title, result);
}

report();
process.exit(total.failed > 0 || (process.argv.includes('--strict') && total.skipped > 0) ? 1 : 0);
