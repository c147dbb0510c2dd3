// The playground while its gateway is slow, busy, away or out of touch, before a real gateway: GATEWAY_URL
// names it, and a relay between it and the page makes the trouble.
import assert from 'node:assert/strict';
import { createServer, request as ask } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { assertAccessible, newVisitor, runProgram, startWeb } from './site.mjs';
import { block, browserPath, launch, ready, runButton, runTo, workspace } from './support.mjs';

const gateway = process.env.GATEWAY_URL;
const skip = !browserPath
  ? 'no Chromium found: name it in CHROMIUM'
  : !gateway && 'GATEWAY_URL names no gateway that takes SANDGATE_API_KEY_CHECK';

/** Passes everything on to the gateway, unless `meddle` answers a request itself. */
async function startRelay() {
  const relay = { meddle: () => false, seen: [] };
  const serve = (incoming, outgoing) => {
    relay.seen.push({ url: incoming.url, headers: incoming.headers });
    if (relay.meddle(incoming, outgoing)) return;
    const { method, headers, url } = incoming;
    const onward = ask(new URL(url, gateway), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  };
  let server;
  const listen = (port) =>
    new Promise((resolve) => {
      server = createServer(serve).listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address();
  relay.url = `http://127.0.0.1:${port}`;
  relay.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  relay.back = () => listen(port);
  return relay;
}

describe('the page in trouble', { skip }, () => {
  let browser;
  let relay;
  let web;
  before(async () => {
    browser = await launch();
    relay = await startRelay();
    web = await startWeb({
      SANDGATE_URL: relay.url,
      SANDGATE_API_KEY: process.env.SANDGATE_API_KEY_CHECK,
      SANDGATE_WEB_SECRET: 'only-for-the-tests-of-a-page-in-trouble',
    });
  });
  after(async () => {
    await web?.stop();
    await relay?.stop();
    await browser?.close();
  });

  /** A visitor whose editor holds a program. */
  const open = async (code) => {
    const visitor = await newVisitor(browser);
    await visitor.page.addInitScript(
      (work) => {
        localStorage.setItem('sandgate.workspace', JSON.stringify(work));
      },
      workspace('python', code),
    );
    await visitor.page.goto(web.url);
    await ready(visitor.page);
    return visitor;
  };

  it('says that the gateway went away while one worked, and goes on when it is back', async (t) => {
    const { page, context } = await open('print("after all")\n');
    await relay.stop();
    await runButton(page).click();
    await page.getByRole('heading', { name: 'Sandgate does not answer' }).waitFor();
    await page.locator('.failure').getByText('It may be starting, or it may be down.').waitFor();
    await assertAccessible(page, t);
    await relay.back();
    await runTo(page, 'Accepted', () => page.getByRole('button', { name: 'Run again' }).click());
    assert.equal(await block(page, 'Output').textContent(), 'after all\n');
    await context.close();
  });

  it('comes to life by itself when a gateway that was away is there', async (t) => {
    await relay.stop();
    const { page, context } = await newVisitor(browser);
    await page.goto(web.url);
    await page.getByText('Programs cannot be run right now.').waitFor();
    await assertAccessible(page, t);
    await relay.back();
    // The page asks again every ten seconds; nobody presses anything.
    await ready(page);
    assert.equal(await page.getByText('Programs cannot be run right now.').count(), 0);
    await context.close();
  });

  it('says that the live connection is lost, takes it up again and shows the result', async () => {
    const { page, context } = await open('import time\ntime.sleep(3)\nprint("still here")\n');
    const streams = [];
    let cut = false;
    relay.meddle = ({ url }, outgoing) => {
      if (!url.endsWith('/events')) return false;
      if (cut) {
        outgoing.destroy();
        return true;
      }
      streams.push(outgoing);
      return false;
    };
    await runTo(page, 'Processing');
    cut = true;
    streams.forEach((stream) => stream.destroy());
    await page.getByText('The connection was lost. Reconnecting…').waitFor();
    cut = false;
    await block(page, 'Output').filter({ hasText: 'still here' }).waitFor();
    relay.meddle = () => false;
    await context.close();
  });

  it('tells in words how long a limit lasts, and runs again after it', async (t) => {
    const { page, context } = await open('print("patience")\n');
    let limited = true;
    relay.meddle = ({ url }, outgoing) => {
      if (!limited || url !== '/api/v1/run') return false;
      outgoing.writeHead(429, { 'Content-Type': 'application/problem+json', 'Retry-After': '2' });
      outgoing.end(JSON.stringify({ title: 'Too Many Requests', detail: 'That was too fast.' }));
      return true;
    };
    await runButton(page).click();
    await page.getByRole('heading', { name: 'Too many runs for now' }).waitFor();
    await page.getByText(/You can go on in [12] second/).waitFor();
    await assertAccessible(page, t);
    limited = false;
    await page.getByText('You can go on now.').waitFor();
    await runTo(page, 'Accepted', () => page.getByRole('button', { name: 'Run again' }).click());
    relay.meddle = () => false;
    await context.close();
  });

  it('can be used from end to end on a slow network', async () => {
    const { page, context } = await newVisitor(browser);
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 400,
      downloadThroughput: 100 * 1024,
      uploadThroughput: 50 * 1024,
    });
    await page.goto(web.url);
    await ready(page);
    await runTo(page, 'Accepted');
    await page.getByRole('link', { name: 'History' }).click();
    await page.locator('.run-row').first().getByRole('link').first().click();
    await page.getByRole('group', { name: 'Output' }).waitFor();
    await page.getByRole('link', { name: 'Account' }).click();
    await page.getByText('No keys yet').waitFor();
    await context.close();
  });

  it('keeps the work when the network goes while one types, and runs it when it is back', async () => {
    const { page, context } = await open('print("typed before")\n');
    await context.setOffline(true);
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('print("typed offline")');
    await runButton(page).click();
    await page.getByRole('heading', { name: 'No connection' }).waitFor();
    await context.setOffline(false);
    await runTo(page, 'Accepted', () => page.getByRole('button', { name: 'Run again' }).click());
    assert.equal(await block(page, 'Output').textContent(), 'typed before\ntyped offline\n');
    await context.close();
  });

  it('tells the gateway whose address a request comes from, whatever the browser says', async () => {
    const { page, context } = await newVisitor(browser, {
      extraHTTPHeaders: { 'X-Forwarded-For': '203.0.113.9' },
    });
    relay.seen.length = 0;
    await page.goto(`${web.url}/history`);
    await page.getByText('Nothing has run yet').waitFor();
    await runProgram(page, { code: 'print(1)' }, web.url);
    await page.goto(`${web.url}/shared/${'A'.repeat(26)}`);
    assert.ok(relay.seen.length >= 4, 'languages, history, run, events, shared');
    for (const { url, headers } of relay.seen)
      assert.equal(headers['x-forwarded-for'], '127.0.0.1', url);

    const behind = await startWeb({
      SANDGATE_URL: relay.url,
      SANDGATE_API_KEY: process.env.SANDGATE_API_KEY_CHECK,
      SANDGATE_TRUSTED_PROXIES: '127.0.0.0/8',
    });
    relay.seen.length = 0;
    await fetch(`${behind.url}/api/languages`, {
      headers: { 'X-Forwarded-For': '1.2.3.4, 203.0.113.9' },
    });
    assert.deepEqual(
      relay.seen.map(({ headers }) => headers['x-forwarded-for']),
      ['203.0.113.9'],
    );
    await behind.stop();
    await context.close();
  });
});
