// npm run drill: does to Sandgate what goes wrong in the world, under load, and checks what must hold.
// npm run bench:soak: an hour of everything that clients do, which nothing may grow in; `-- -for 5m`
// for less. Arguments go to the program (-h tells them). The figures of all faults go to bin/drill.json,
// those of the soak to bin/soak.json, from which `npm run bench:docs` writes the documents.
import { join } from 'node:path';
import { bin, buildGo, checkMachine, run, step } from './steps.mjs';

await checkMachine();
await buildGo();
const drill = join(bin, 'drill');
await step('Building the drill', () => run('go', ['build', '-o', drill, './scripts/drill']));
const [first, ...rest] = process.argv.slice(2);
const soak = first === 'soak';
// What some faults did does not replace the figures of all.
const some = process.argv.some((a) => /^--?(site|run|short)\b/.test(a));
const { code } = await run(
  drill,
  soak
    ? ['soak', '-bin', bin, '-json', join(bin, 'soak.json'), ...rest]
    : [
        '-bin',
        bin,
        '-json',
        join(bin, some ? 'drill-some.json' : 'drill.json'),
        ...process.argv.slice(2),
      ],
  { show: true },
);
process.exit(code);
