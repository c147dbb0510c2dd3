// npm run bench: builds everything and measures it; arguments go to the benchmark (-h tells them).
import { join } from 'node:path';
import { bin, buildGo, checkMachine, install, run, step } from './steps.mjs';

await checkMachine();
await install();
await buildGo();
const bench = join(bin, 'bench');
// What is measured by itself does not replace the figures of the whole.
const only = process.argv.findIndex((a) => /^--?only$/.test(a));
const report = process.argv.some((a) => /^--?languages$/.test(a))
  ? 'bench-languages'
  : only > 0
    ? `bench-${process.argv[only + 1]}`
    : 'bench';
await step('Building the benchmark', () => run('go', ['build', '-o', bench, './scripts/bench']));
const { code } = await run(
  bench,
  ['-bin', bin, '-json', join(bin, `${report}.json`), ...process.argv.slice(2)],
  { show: true },
);
process.exit(code);
