// npm run audit: known vulnerabilities of what the product is made of, and what that is. govulncheck and
// npm audit ask a public service; where it can't be reached that is said and counted as skipped. The
// bills of materials (CycloneDX) are made without it and go to bin/sbom. The images of the cluster are
// scanned where a scanner is installed and they were built. It fails when a check finds
// something; `npm run audit -- --strict` also when one is skipped.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { counter } from './count.mjs';
import { bin, buildGo, root, run } from './steps.mjs';
import { found, json, verdict } from './verdict.mjs';

const { count, total, report } = counter();
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const sbom = join(bin, 'sbom');
mkdirSync(sbom, { recursive: true });

const tool = (name, ...args) =>
  run('go', ['tool', `-modfile=${join('tools', 'go.mod')}`, name, ...args]);

/** Counts a check, and tells why where it did not pass. */
function judge(title, result, findings) {
  const { why, ...outcome } = verdict(result, findings);
  if (outcome.skipped) console.log(`  ${title}: skipped, the database can't be reached: ${why}`);
  else if (why.length) console.log(why.join('\n'));
  count(title, outcome);
}

// govulncheck ends with 3 where it has found something.
const go = await tool('govulncheck', './...');
judge('govulncheck', go, { 0: [], 3: [go.output.trimEnd()] }[go.code]);

/** The folders with packages of npm: those with a lock file. */
const folders = [
  'web',
  ...readdirSync(join(root, 'toolchains')).map((name) => join('toolchains', name)),
].filter((folder) => existsSync(join(root, folder, 'package-lock.json')));

for (const folder of folders) {
  const cwd = join(root, folder);
  const result = await run('npm', ['audit', '--omit=dev', '--json'], { cwd });
  judge(`npm audit of ${folder}`, result, found.npm(json(result.output)));
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

/** What scans an image for what is known of the packages in it: severe, and with a mend. */
const scanners = {
  trivy: (image, file) => [
    'image',
    '--quiet',
    '--severity=HIGH,CRITICAL',
    '--ignore-unfixed',
    '--format=json',
    `--output=${file}`,
    image,
  ],
  grype: (image, file) => ['--quiet', '--only-fixed', '--output=json', `--file=${file}`, image],
};

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
  for (const scanner of Object.keys(scanners))
    if ((await run(scanner, ['--version'])).code === 0) return { names, scanner };
  return { why: 'neither trivy nor grype is installed' };
}

const { names = [], scanner, why } = await imagesToScan();
if (why) {
  console.log(`  scan of images: skipped, ${why}`);
  count('scan of images', { skipped: 1 });
}
const answers = mkdtempSync(join(tmpdir(), 'sandgate-audit-'));
for (const [i, name] of names.entries()) {
  const file = join(answers, `${i}.json`);
  const result = await run(scanner, scanners[scanner](name, file));
  const answer = existsSync(file) ? json(readFileSync(file, 'utf8')) : undefined;
  judge(`${scanner} of ${name}`, result, found[scanner](answer));
}
rmSync(answers, { recursive: true, force: true });

report();
process.exit(total.failed > 0 || (process.argv.includes('--strict') && total.skipped > 0) ? 1 : 0);
