// npm run fuzz: runs every fuzz target of the repository, `npm run fuzz -- 8h` for eight hours in all
// (the default is four minutes), `npm run fuzz -- 10m Routes` those whose name has "Routes". A target
// that ran no input has failed.
// What a target has learnt stays in bin/cache/fuzz and is built upon the next time; `--keep` at the end
// puts it into scripts/fuzz-corpus.tgz, from which every clone begins. An input that fails is kept in
// testdata/fuzz of its package: with it committed, every go test tries it.
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { bin, checkMachine, fail, root, run } from './steps.mjs';

const learnt = join(bin, 'cache', 'fuzz');
const kept = join(root, 'scripts', 'fuzz-corpus.tgz');
const skip = new Set(['node_modules', 'bin', 'testdata', '.git', 'web']);

/** Finds the fuzz targets: {folder, name}. */
function targets(folder = root) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skip.has(entry.name) ? [] : targets(path);
    if (!entry.name.endsWith('_test.go')) return [];
    return [...readFileSync(path, 'utf8').matchAll(/^func (Fuzz\w+)\(\w+ \*testing\.F\)/gm)].map(
      ([, name]) => ({ folder, name }),
    );
  });
}

/** Reads a time such as 75s, 10m or 8h, and gives seconds. */
function seconds(text) {
  const match = /^(\d+)([smh])$/.exec(text);
  if (!match) fail(`${text} is no time such as 75s, 10m or 8h.`);
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2]];
}

/**
 * A guided target sees which code an input reaches. Building all for that takes a minute, but many
 * with SQLite, which FuzzRoutes has behind it; and its requests are made up of random numbers anyway.
 */
const guided = (name) => (name === 'FuzzRoutes' ? [] : ['-fuzz=.']);

/**
 * Tells whether a run failed by nothing but its end: up to Go 1.26 the fuzzing coordinator may take the end of the
 * time that it was given for a failure of the target (go.dev/issue/75804). An input that fails is always written.
 */
const endedInTime = (output) =>
  /^--- FAIL: Fuzz\w+ \(.*\)\n\s+context deadline exceeded\nFAIL$/m.test(output) &&
  !output.includes('Failing input written');

/** Runs the targets for so many seconds in all, and calls back with each one's outcome. */
export async function fuzz(total, wanted, tell) {
  const list = targets().filter(({ name }) => name.includes(wanted));
  if (list.length === 0) fail(`No fuzz target is called ${wanted}.`);
  const each = Math.max(2, Math.floor(total / list.length));
  mkdirSync(learnt, { recursive: true });
  const unpacked = await run('tar', ['-xzf', kept, '--skip-old-files', '-C', learnt]);
  if (unpacked.code !== 0) fail(`The kept inputs can't be unpacked:\n${unpacked.output}`);
  const programs = new Map(); // folder → how building its test program ended
  for (const { folder, name } of list) {
    const place = relative(root, folder);
    const program = join(bin, 'fuzz', `${place.replaceAll('/', '-')}.test`);
    if (!programs.has(folder)) {
      mkdirSync(dirname(program), { recursive: true });
      programs.set(
        folder,
        await run('go', ['test', '-c', ...guided(name), '-o', program, `./${place}`], {
          env: { CGO_ENABLED: '0' },
        }),
      );
    }
    const built = programs.get(folder);
    const corpus = join(learnt, place);
    mkdirSync(corpus, { recursive: true });
    const { code, output } = built.code
      ? built
      : await run(
          program,
          [
            '-test.run=^$',
            `-test.fuzz=^${name}$`,
            `-test.fuzztime=${each}s`,
            '-test.fuzzminimizetime=1s', // of each input that is new: more would be most of a short run
            `-test.fuzzcachedir=${corpus}`,
            `-test.timeout=${each + 600}s`,
          ],
          { cwd: folder },
        );
    const runs = Number([...output.matchAll(/execs: (\d+)/g)].pop()?.[1] ?? 0);
    tell({
      name: `${place} ${name}`,
      passed: runs > 0 && (code === 0 || endedInTime(output)),
      runs,
      each,
      output,
    });
  }
}

if (import.meta.filename === process.argv[1]) {
  await checkMachine();
  let failed = 0;
  const words = process.argv.slice(2).filter((word) => word !== '--keep');
  await fuzz(seconds(words[0] ?? '4m'), words[1] ?? '', (outcome) => {
    if (!outcome.passed) {
      failed++;
      console.log(outcome.output.trimEnd());
    }
    const end = outcome.passed ? 'nothing found' : 'FAILED';
    console.log(`  ${outcome.name}: ${end} in ${outcome.runs} runs, ${outcome.each} s`);
  });
  if (process.argv.includes('--keep')) {
    // Sorted and without times: the same inputs make the same archive.
    const plain = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
    const packed = await run('tar', [...plain, '-czf', kept, '-C', learnt, '.']);
    if (packed.code !== 0) fail(packed.output);
  }
  process.exit(failed ? 1 : 0);
}
