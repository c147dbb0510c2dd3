// npm run format: gofmt and Prettier over the whole tree.
import { join } from 'node:path';
import { install, root, run } from './steps.mjs';

await install();
const go = await run('gofmt', ['-w', 'cmd', 'gateway', 'internal', 'judge0', 'scripts'], {
  show: true,
});
const web = await run('npm', ['run', 'format'], {
  cwd: join(root, 'web'),
  show: true,
});
const rest = await run(
  'web/node_modules/.bin/prettier',
  ['--write', 'scripts', '*.md', 'docs', 'package.json'],
  {
    show: true,
  },
);
process.exit(go.code || web.code || rest.code);
