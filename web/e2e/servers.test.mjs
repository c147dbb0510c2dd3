// The web client's server under settings and troubles of its own: sign-in by an issuer, a gateway
// that is away, a limit that is reached, a slow network. It is started by these tests.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startIssuer } from './issuer.mjs';
import { assertAccessible, newVisitor, runProgram, startWeb } from './site.mjs';
import { browserPath, launch, screenshotFolder } from './support.mjs';

const gateway = process.env.GATEWAY_URL;
const noBrowser = browserPath ? false : 'no Chromium found: name it in CHROMIUM';
const noGateway = gateway
  ? false
  : 'GATEWAY_URL names no gateway that takes SANDGATE_API_KEY_CHECK';
const clientId = 'sandgate-e2e';
const person = { sub: 'ada-1815', name: 'Ada Lovelace', email: 'ada@example.org' };

let browser;
let screenshots;
before(async () => {
  if (noBrowser) return;
  screenshots = await screenshotFolder();
  browser = await launch();
});
after(() => browser?.close());

describe('sign-in', { skip: noBrowser || noGateway }, () => {
  let issuer;
  let web;
  before(async () => {
    issuer = await startIssuer({ clientId, person });
    web = await startWeb({
      SANDGATE_URL: gateway,
      SANDGATE_API_KEY: process.env.SANDGATE_API_KEY_CHECK,
      SANDGATE_WEB_SECRET: 'only-for-the-tests-of-signing-in-and-out',
      SANDGATE_OIDC_ISSUER: issuer.url,
      SANDGATE_OIDC_CLIENT_ID: clientId,
      SANDGATE_OIDC_NAME: 'Stand-in',
    });
  });
  after(async () => {
    await web?.stop();
    issuer?.stop();
  });

  const signIn = async (page) => {
    await page.goto(`${web.url}/account`);
    await page.getByRole('button', { name: 'Sign in with Stand-in' }).click();
    await page.getByRole('link', { name: 'Go on as Ada Lovelace' }).click();
    await page.getByRole('heading', { name: 'Ada Lovelace' }).waitFor();
  };

  it('makes a guest somebody, whose history is the same in every browser', async (t) => {
    const first = await newVisitor(browser);
    const { page } = first;
    await page.goto(`${web.url}/account`);
    await page.getByText('Keys belong to an account').waitFor();
    await runProgram(page, { code: 'print("as a guest")' }, web.url);
    assert.equal((await page.context().request.get(`${web.url}/api/keys`)).status(), 403);

    await signIn(page);
    assert.equal(page.url(), `${web.url}/account`);
    await assertAccessible(page, t);
    await page.screenshot({
      path: path.join(screenshots, 'account-signed-in.png'),
      fullPage: true,
    });
    for (const cookie of await page.context().cookies(web.url)) {
      assert.ok(cookie.httpOnly, cookie.name);
      assert.equal(cookie.sameSite, 'Lax', cookie.name);
    }
    await runProgram(page, { code: 'print("as ada")' }, web.url);
    await page.goto(`${web.url}/history`);
    await page.getByText('as ada').waitFor();
    assert.equal(await page.getByText('as a guest').count(), 0);

    const second = await newVisitor(browser);
    await signIn(second.page);
    await second.page.goto(`${web.url}/history`);
    await second.page.getByText('as ada').waitFor();
    await second.context.close();

    await page.goto(`${web.url}/account`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Guest' }).waitFor();
    await page.goto(`${web.url}/history`);
    await page.getByText('as a guest').waitFor();
    assert.equal(await page.getByText('as ada').count(), 0);
    assert.deepEqual(
      first.complaints.filter((text) => !/status of 403/.test(text)),
      [],
    );
    await first.context.close();
  });

  it('says so when the person refuses', async () => {
    const { page, context } = await newVisitor(browser);
    await page.goto(`${web.url}/history`);
    await page.getByRole('banner').getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('link', { name: 'Refuse' }).click();
    await page.getByText('You are not signed in.').waitFor();
    await context.close();
  });

  it('does not take a code that another browser began with', async () => {
    const { page, context } = await newVisitor(browser);
    await page.goto(`${web.url}/api/auth/callback/oidc?code=stolen&state=made-up`);
    await page.getByText('You are not signed in.').waitFor();
    await context.close();
  });

  it('says so when the issuer does not answer', async () => {
    const lonely = await startWeb({
      SANDGATE_URL: gateway,
      SANDGATE_OIDC_ISSUER: 'http://127.0.0.1:1',
      SANDGATE_OIDC_CLIENT_ID: clientId,
    });
    const { page, context } = await newVisitor(browser);
    await page.goto(`${lonely.url}/account`);
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('The sign-in service does not answer.').waitFor();
    await context.close();
    await lonely.stop();
  });
});

describe('troubles', { skip: noBrowser }, () => {
  const id = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';

  it('every page says in words that the gateway is away', async (t) => {
    const web = await startWeb({ SANDGATE_URL: 'http://127.0.0.1:1' });
    const { page, context } = await newVisitor(browser);
    for (const place of [
      'history',
      `history/${id}`,
      `history/compare?a=${id}&b=${id}`,
      'account',
    ]) {
      await page.goto(`${web.url}/${place}`);
      await page.getByText('The Sandgate gateway cannot be reached.').first().waitFor();
      await assertAccessible(page, t);
    }
    await page.screenshot({
      path: path.join(screenshots, 'account-no-gateway.png'),
      fullPage: true,
    });
    await page.goto(`${web.url}/shared/${'A'.repeat(26)}`);
    await page.getByText('can’t be shown right now').waitFor();
    await assertAccessible(page, t);
    await context.close();
    await web.stop();
  });

  it('tells how long to wait where a limit is reached, and goes on after it', async (t) => {
    let limited = true;
    const busy = createServer((request, response) => {
      if (limited) {
        response.writeHead(429, { 'Content-Type': 'application/problem+json', 'Retry-After': '7' });
        response.end(JSON.stringify({ title: 'Too Many Requests', detail: 'You are too fast.' }));
        return;
      }
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ languages: [], submissions: [], next: null }));
    });
    await new Promise((resolve) => busy.listen(0, '127.0.0.1', resolve));
    const web = await startWeb({ SANDGATE_URL: `http://127.0.0.1:${busy.address().port}` });
    const { page, context } = await newVisitor(browser);
    await page.goto(`${web.url}/history`);
    await page.getByText('You are too fast. Try again in 7 seconds.').waitFor();
    await assertAccessible(page, t);
    limited = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('Nothing has run yet').waitFor();
    await context.close();
    await web.stop();
    busy.closeAllConnections();
    busy.close();
  });

  it('shows furniture while a slow gateway answers', async (t) => {
    const waiting = [];
    const slow = createServer((request, response) => waiting.push(response));
    await new Promise((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const web = await startWeb({ SANDGATE_URL: `http://127.0.0.1:${slow.address().port}` });
    const { page, context } = await newVisitor(browser);
    for (const place of ['history', `history/${id}`, 'account']) {
      await page.goto(`${web.url}/${place}`);
      await page.locator('.skeleton').first().waitFor();
      await page
        .getByText(/^Loading the/)
        .first()
        .waitFor();
      await assertAccessible(page, t);
    }
    await context.close();
    await web.stop();
    slow.closeAllConnections();
    slow.close();
  });

  it('does not start with settings that are wrong', async () => {
    await assert.rejects(
      startWeb({ SANDGATE_WEB_SECRET: 'short' }),
      /SANDGATE_WEB_SECRET is shorter/,
    );
  });
});
