// `next build` leaves the static files out of its standalone folder, for those
// who serve them from a CDN. We do not: put them where server.js looks.
import { cp, access } from 'node:fs/promises';
import path from 'node:path';

const web = path.resolve(import.meta.dirname, '..');
const standalone = path.join(web, '.next', 'standalone');

await access(path.join(standalone, 'server.js'));
await cp(path.join(web, '.next', 'static'), path.join(standalone, '.next', 'static'), {
  recursive: true,
});
await cp(path.join(web, 'public'), path.join(standalone, 'public'), { recursive: true });

console.log('Ready: node .next/standalone/server.js');
