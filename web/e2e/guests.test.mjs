// Who is a guest, and how many there may be: only pages make guests, of each network so many; and a page
// that has lost its cookie, or can get none, says so and keeps the work.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { chromium } from 'playwright-core';
import { assertAccessible, assertFits, newVisitor, startWeb } from './site.mjs';
import {
  block,
  browserPath,
  launch,
  ready,
  runButton,
  runTo,
  screenshotFolder,
  workspace,
} from './support.mjs';

const gateway = process.env.GATEWAY_URL;
const skip = !browserPath
  ? 'no Chromium found: name it in CHROMIUM'
  : !gateway && 'GATEWAY_URL names no gateway that takes SANDGATE_API_KEY_CHECK';

const id = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
const json = { 'Content-Type': 'application/json' };

describe('a call without a cookie', () => {
  let heard;
  let stub;
  let web;
  before(async () => {
    heard = [];
    stub = createServer((request, response) => {
      heard.push(request.url);
      response.writeHead(200, json);
      response.end('{"languages":[]}');
    });
    await new Promise((resolve) => stub.listen(0, '127.0.0.1', resolve));
    web = await startWeb({ SANDGATE_URL: `http://127.0.0.1:${stub.address().port}` });
  });
  after(async () => {
    await web?.stop();
    stub?.closeAllConnections();
    stub?.close();
  });

  it('is 401, makes no guest, and is nothing that the gateway hears of', async () => {
    for (const [method, url] of [
      ['POST', '/api/run'],
      ['GET', '/api/me'],
      ['GET', '/api/usage'],
      ['GET', '/api/keys'],
      ['POST', '/api/keys'],
      ['DELETE', `/api/keys/${'A'.repeat(26)}`],
      ['POST', `/api/keys/${'A'.repeat(26)}/rotate`],
      ['GET', '/api/runs'],
      ['GET', `/api/runs/${id}`],
      ['DELETE', `/api/runs/${id}`],
      ['GET', `/api/runs/${id}/events`],
      ['POST', `/api/runs/${id}/share`],
      ['DELETE', `/api/runs/${id}/share`],
    ]) {
      const body = method === 'POST' ? '{"code":"print(1)","language":"python"}' : undefined;
      for (const cookie of ['', `sandgate-guest=${'A'.repeat(22)}.${'A'.repeat(43)}`]) {
        const answer = await fetch(web.url + url, { method, headers: { ...json, cookie }, body });
        assert.equal(answer.status, 401, `${method} ${url}`);
        assert.equal(answer.headers.get('content-type'), 'application/problem+json');
        assert.equal(answer.headers.get('set-cookie'), null, `${method} ${url}`);
        assert.match((await answer.json()).detail, /Guests are known by a cookie/);
      }
    }
    assert.deepEqual(heard, []);
  });

  it('does for what is everybody’s', async () => {
    for (const url of [
      '/healthz',
      '/icon.svg',
      '/api/languages',
      `/api/shared/${'A'.repeat(26)}`,
    ]) {
      const answer = await fetch(web.url + url);
      assert.equal(answer.status, 200, url);
      assert.equal(answer.headers.get('set-cookie'), null, url);
    }
  });
});

describe('guests', { skip }, () => {
  let browser;
  let screenshots;
  let web;
  before(async () => {
    screenshots = await screenshotFolder();
    browser = await launch();
    web = await startWeb({
      SANDGATE_URL: gateway,
      SANDGATE_API_KEY: process.env.SANDGATE_API_KEY_CHECK,
      SANDGATE_WEB_SECRET: 'only-for-the-tests-of-guests-and-their-cookies',
      SANDGATE_TRUSTED_PROXIES: '127.0.0.1',
      SANDGATE_GUESTS_PER_HOUR: '200',
    });
  });
  after(async () => {
    await web?.stop();
    await browser?.close();
  });

  /** What the context asks the server for, without what pages are made of. */
  const calls = (context) => {
    const asked = [];
    context.on('request', (request) => {
      const { pathname } = new URL(request.url());
      if (pathname === '/' || pathname.startsWith('/api/')) asked.push(pathname);
    });
    return asked;
  };

  const type = async (page, text) => {
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+End');
    await page.keyboard.type(text);
  };

  const visit = async (options) => {
    const visitor = await newVisitor(browser, options);
    const asked = calls(visitor.context);
    await visitor.page.addInitScript(
      (work) => {
        localStorage.setItem('sandgate.workspace', JSON.stringify(work));
      },
      workspace('python', 'print("from before")\n'),
    );
    await visitor.page.goto(web.url);
    await ready(visitor.page);
    return { ...visitor, asked };
  };

  it('run their first program at once, and go on where the cookie is gone or not valid', async (t) => {
    const { page, context, asked } = await visit();
    await runTo(page, 'Accepted');
    assert.equal(asked.filter((url) => url === '/').length, 1, asked.join());
    assert.equal(asked.filter((url) => url === '/api/run').length, 1, asked.join());

    const [cookie] = await context.cookies();
    const gone = () => context.clearCookies();
    // As after the server's secret was changed.
    const notValid = () => context.addCookies([{ ...cookie, value: `${cookie.value}x` }]);
    for (const lose of [gone, notValid]) {
      await lose();
      await type(page, 'print("typed since")\n');
      await runTo(page, 'Accepted');
      await page.getByText('you go on as a new guest').waitFor();
      await assertAccessible(page, t);
    }
    assert.equal(
      await block(page, 'Output').textContent(),
      'from before\ntyped since\ntyped since\n',
    );
    assert.match(await page.locator('.cm-content').innerText(), /from before[^]*typed since/);
    const [now] = await context.cookies();
    assert.notEqual(now.value, cookie.value);
    await context.close();
  });

  it('are so many of one network at once, and the page says so and what to do', async (t) => {
    const school = { 'X-Forwarded-For': '203.0.113.9' };
    const first = await visit({ extraHTTPHeaders: school });
    const guests = [];
    while (guests.length < 110) {
      const page = await fetch(`${web.url}/history`, { headers: school });
      assert.equal(page.status, 200);
      await page.body.cancel();
      if (page.headers.get('set-cookie') === null) break;
      guests.push(page.headers.get('set-cookie'));
    }
    assert.ok(guests.length >= 99 && guests.length < 110, `${guests.length} guests`);
    assert.equal(new Set(guests).size, guests.length);
    const refusal = await fetch(`${web.url}/api/usage`, { headers: school });
    assert.equal(refusal.status, 401);
    const wait = Number(refusal.headers.get('retry-after'));
    assert.ok(wait > 0 && wait <= 18, `${wait} s`);

    const late = await visit({ extraHTTPHeaders: school, viewport: { width: 390, height: 844 } });
    const { page } = late;
    const notice = page.getByRole('region', { name: 'Guests' });
    await notice
      .getByText(/You can look around and write programs; to run them, wait \d+/)
      .waitFor();
    await assertFits(page);
    await assertAccessible(page, t);
    await page.screenshot({ path: path.join(screenshots, 'guests-390.png') });
    await type(page, 'print("patience")\n');
    await runButton(page).click();
    await page.getByRole('heading', { name: 'No new guests for now' }).waitFor();
    await page.getByText(/You can go on in \d+ second/).waitFor();
    await assertAccessible(page, t);
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.screenshot({ path: path.join(screenshots, 'guests-1440.png') });
    assert.equal(late.asked.filter((url) => url === '/').length, 1, late.asked.join());

    // Who is a guest stays one, and other networks are let in.
    await runTo(first.page, 'Accepted');
    const other = await fetch(web.url, { headers: { 'X-Forwarded-For': '203.0.113.10' } });
    assert.match(other.headers.get('set-cookie'), /^sandgate-guest=/);
    await first.context.close();

    await page.getByText('You can go on now.').waitFor();
    await runTo(page, 'Accepted', () => page.getByRole('button', { name: 'Run again' }).click());
    assert.equal(await block(page, 'Output').textContent(), 'from before\npatience\n');
    await notice.waitFor({ state: 'detached' });
    await late.context.close();
  });

  it('are told where their browser keeps no cookies, once for each thing that they do', async (t) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'sandgate-no-cookies-'));
    await mkdir(path.join(folder, 'Default'));
    await writeFile(
      path.join(folder, 'Default', 'Preferences'),
      JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }),
    );
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: browserPath,
      args: ['--no-sandbox', '--disable-gpu'],
      reducedMotion: 'reduce',
    });
    try {
      const asked = calls(context);
      const page = await context.newPage();
      await page.goto(web.url);
      await ready(page);
      assert.deepEqual(await context.cookies(), [], 'the browser keeps no cookie');
      await runButton(page).click();
      await page.getByRole('heading', { name: 'Your browser is not known here' }).waitFor();
      await page
        .locator('.failure')
        .getByText('Let your browser keep the cookies of this site')
        .waitFor();
      await assertAccessible(page, t);
      assert.deepEqual(
        asked.filter((url) => url !== '/api/languages'),
        ['/', '/api/run', '/', '/api/run'],
      );
      await page.goto(`${web.url}/history`);
      await page.getByText('Let your browser keep the cookies of this site').waitFor();
      await assertAccessible(page, t);
    } finally {
      await context.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
