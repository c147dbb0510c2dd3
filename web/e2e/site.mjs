// What the tests of pages share: a visitor, the rules of axe, and servers of our own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import path from 'node:path';
import { webUrl } from './support.mjs';

const axeSource = await readFile(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

/** A browser of somebody who was never here, and all that their pages complained of. */
export async function newVisitor(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  return { context, page, complaints };
}

/** Runs a program as the visitor whose page it is, and waits for its end. */
export async function runProgram(page, program, url = webUrl) {
  const { request } = page.context();
  const sent = await request.post(`${url}/api/run`, {
    data: { language: 'python', stdin: '', ...program },
  });
  assert.equal(sent.status(), 202, await sent.text());
  const { jobId } = await sent.json();
  // The stream ends with the result.
  await (await request.get(`${url}/api/runs/${jobId}/events`, { timeout: 60_000 })).body();
  return jobId;
}

/** What axe finds on the page, worst first, with what it is about. */
export async function axe(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations.map(({ id, impact, nodes }) => ({
    id,
    impact,
    nodes: nodes.map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary}`),
  }));
}

export async function assertAccessible(page, t) {
  const found = await axe(page);
  t.diagnostic(`axe: ${found.length} findings (${found.map(({ id }) => id).join(', ') || 'none'})`);
  assert.deepEqual(found, []);
}

export async function assertFits(page) {
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.equal(overflow, 0, 'nothing sticks out to the side');
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A web server of the test's own, with settings of its own. */
export async function startWeb(env) {
  const port = await freePort();
  const folder = path.resolve(import.meta.dirname, '..', '.next', 'standalone');
  if (!existsSync(folder)) throw new Error('the web client is not built: npm run build');
  const child = spawn(process.execPath, ['server.js'], {
    cwd: folder,
    env: {
      ...process.env,
      HOSTNAME: '127.0.0.1',
      PORT: String(port),
      NODE_ENV: 'production',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 30_000;
  for (;;) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`no web server: ${said}`);
    if (
      await fetch(`${url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    said: () => said,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
