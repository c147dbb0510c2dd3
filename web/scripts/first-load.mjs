// Prints how much script a browser fetches before the playground can be used, and fails where it is
// too much. The editor's language comes on top; a browser test measures the same over the network.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const LIMIT_KB = 240;

const build = path.resolve(import.meta.dirname, '..', '.next');
const read = (name) => readFile(path.join(build, name), 'utf8');

const { rootMainFiles } = JSON.parse(await read('build-manifest.json'));
const manifest = await read('server/app/page_client-reference-manifest.js');
const { entryJSFiles } = JSON.parse(/\["\/page"\]\s*=\s*(\{.*\})/s.exec(manifest)[1]);
const files = new Set([...rootMainFiles, ...Object.values(entryJSFiles).flat()]);

// The editor is loaded by the page's own script, which names all that it consists of.
const isEditor = async (list) => {
  const texts = await Promise.all(list.map(read));
  return texts.some((text) => text.includes('cm-scroller')) ? list : [];
};
const lists = [];
for (const file of files)
  for (const [list] of (await read(file)).matchAll(/\["static\/chunks\/[^\]]+\]/g))
    lists.push(JSON.parse(list).filter((name) => name.endsWith('.js')));
const editors = (await Promise.all(lists.map(isEditor))).filter((list) => list.length > 0);
const [editor] = editors.sort((a, b) => a.length - b.length);
if (!editor)
  throw new Error('No script of the page loads the editor: look at scripts/first-load.mjs');
editor.forEach((name) => files.add(name));

let bytes = 0;
for (const file of files) bytes += gzipSync(await readFile(path.join(build, file))).length;
const size = (bytes / 1024).toFixed(1);
console.log(`First load of the playground: ${size} KB of script, gzipped (at most ${LIMIT_KB})`);
if (bytes > LIMIT_KB * 1024) process.exit(1);
