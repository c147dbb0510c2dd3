// The tests of deploy/: the Helm chart, rendered and read with Kubernetes' own types, and the Terraform of
// the droplets with a provider that makes nothing. `npm run test:deploy`, and within npm test.
import { mkdirSync, mkdtempSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { counter } from './count.mjs';
import { bin, root, run } from './steps.mjs';

const chart = join(root, 'deploy', 'helm', 'test');
const droplets = join(root, 'deploy', 'digitalocean');
const place = join(bin, 'cache', 'terraform');

async function helm(count) {
  const { code, output } = await run('go', ['test', '-v', './...'], { cwd: chart });
  const number = (word) => [...output.matchAll(new RegExp(`^--- ${word}`, 'gm'))].length;
  const sum = {
    passed: number('PASS'),
    failed: number('FAIL') || (code ? 1 : 0),
    skipped: number('SKIP'),
  };
  if (sum.passed + sum.failed + sum.skipped === 0) sum.failed = 1;
  if (sum.failed) console.log(output.trimEnd());
  count('Helm chart', sum);
}

async function terraform(count) {
  if ((await run('terraform', ['version'])).code !== 0) {
    count('Terraform', { skipped: 1 }, 'terraform is not installed');
    return;
  }
  const formatted = await run('terraform', ['fmt', '-check', '-recursive'], { cwd: droplets });
  if (formatted.code !== 0) console.log(formatted.output.trimEnd());
  count('Terraform, fmt', formatted.code === 0 ? { passed: 1 } : { failed: 1 });

  mkdirSync(place, { recursive: true });
  const provider = join(place, 'terraform-provider-digitalocean');
  if (!existsSync(provider)) {
    const built = await run('go', ['build', '-o', provider, '.'], {
      cwd: join(droplets, 'tests', 'provider'),
    });
    if (built.code !== 0) {
      count('Terraform, tests', { skipped: 1 }, "the provider's module can't be had");
      return;
    }
  }
  const settings = join(place, 'terraformrc');
  writeFileSync(
    settings,
    `provider_installation {\n  dev_overrides { "digitalocean/digitalocean" = "${place}" }\n  direct {}\n}\n`,
  );
  const data = mkdtempSync(join(tmpdir(), 'sandgate-terraform-'));
  const options = {
    cwd: droplets,
    env: {
      TF_CLI_CONFIG_FILE: settings,
      TF_DATA_DIR: data,
      NO_COLOR: '1',
      CHECKPOINT_DISABLE: '1',
    },
  };
  try {
    await run('terraform', ['get'], options);
    const valid = await run('terraform', ['validate', '-no-color'], options);
    if (valid.code !== 0) console.log(valid.output.trimEnd());
    const { code, output } = await run('terraform', ['test', '-no-color'], options);
    const number = (word) =>
      [...output.matchAll(new RegExp(`^  run .*\\.\\.\\. ${word}$`, 'gm'))].length;
    const sum = { passed: number('pass'), failed: number('fail'), skipped: number('skip') };
    if (valid.code === 0) sum.passed++;
    else sum.failed++;
    if (code !== 0) {
      sum.failed ||= 1;
      console.log(output.trimEnd());
    }
    count('Terraform, validate and test', sum);
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

export async function deployTests(count) {
  await helm(count);
  await terraform(count);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { count, total, report } = counter();
  await deployTests(count);
  report();
  process.exitCode = total.failed > 0 ? 1 : 0;
}
