// The pages beside the playground, in a real browser against a running Sandgate: WEB_URL names it.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertAccessible, assertFits, newVisitor, runProgram } from './site.mjs';
import { browserPath, launch, screenshotFolder, webUrl } from './support.mjs';

const skip = browserPath
  ? false
  : 'no Chromium found: install one, or name it in the environment variable CHROMIUM';

const row = (page, text) => page.locator('.run-row').filter({ hasText: text });

describe('the other pages', () => {
  let browser;
  let screenshots;

  before(async () => {
    if (skip) return;
    screenshots = await screenshotFolder();
    browser = await launch();
  });
  after(() => browser?.close());

  /** A test of one visitor, whose pages must not complain. `expected` complaints are forgiven. */
  function visit(name, { expected = /^$/, ...options }, body) {
    it(name, { skip }, async (t) => {
      const visitor = await newVisitor(browser, options);
      try {
        await visitor.page.goto(`${webUrl}/account`);
        await body(visitor.page, t, visitor);
        assert.deepEqual(
          visitor.complaints.filter((text) => !expected.test(text)),
          [],
        );
      } finally {
        await visitor.context.close();
      }
    });
  }

  visit('gives each browser a history of its own', {}, async (page) => {
    await runProgram(page, { code: 'print("mine alone")' });
    await page.goto(`${webUrl}/history`);
    await row(page, 'mine alone').waitFor();
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Lax']);
    assert.equal(await page.evaluate(() => document.cookie), '');

    const other = await newVisitor(browser);
    await other.page.goto(`${webUrl}/history`);
    await other.page.getByText('Nothing has run yet').waitFor();
    // A cookie that was changed is nobody's.
    await other.context.addCookies([
      { ...cookie, value: `${cookie.value.slice(0, 21)}x${cookie.value.slice(22)}` },
    ]);
    await other.page.reload();
    await other.page.getByText('Nothing has run yet').waitFor();
    await other.context.close();
  });

  visit('filters the history, and keeps the filter in the address', {}, async (page) => {
    await runProgram(page, { code: 'print("a python")' });
    await runProgram(page, { code: 'raise SystemExit(3)' });
    await runProgram(page, { code: 'echo a shell', language: 'bash' });
    await page.goto(`${webUrl}/history`);
    await page.getByLabel('Language').selectOption('bash');
    await row(page, 'a shell').waitFor();
    assert.equal(await page.locator('.run-row').count(), 1);
    await page.reload();
    await row(page, 'a shell').waitFor();
    assert.equal(await page.locator('.run-row').count(), 1);

    await page.getByLabel('Outcome').selectOption('compile');
    await page.getByText('Nothing like that').waitFor();
    await page.getByRole('button', { name: 'Show every run' }).click();
    await row(page, 'a python').waitFor();
    assert.equal(await page.locator('.run-row').count(), 3);
    await page.getByLabel('Outcome').selectOption('failed');
    await row(page, 'NZEC').waitFor();
    assert.equal(await page.locator('.run-row').count(), 1);
  });

  visit('loads more of a long history as it is scrolled', {}, async (page) => {
    await Promise.all(
      Array.from({ length: 24 }, (_, n) =>
        runProgram(page, { code: `echo number ${n}.`, language: 'bash' }),
      ),
    );
    await page.goto(`${webUrl}/history`);
    await page.locator('.run-row').first().waitFor();
    await page.mouse.move(700, 500);
    await page.mouse.wheel(0, 5000);
    await page.getByText('That is all: 24 runs.').waitFor();
    assert.equal(await page.locator('.run-row').count(), 24);
  });

  visit('deletes a run after asking, by keyboard', { expected: /status of 404/ }, async (page) => {
    const id = await runProgram(page, { code: 'print("to go")' });
    await runProgram(page, { code: 'print("to stay")' });
    await page.goto(`${webUrl}/history`);
    const remove = row(page, 'to go').getByRole('button', { name: /^Delete/ });
    await remove.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Delete this run?' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.ok(
      await remove.evaluate((button) => button === document.activeElement),
      'the focus is back',
    );

    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Delete it' }).press('Enter');
    await page.getByText('The run was deleted.').waitFor();
    await row(page, 'to go').waitFor({ state: 'detached' });
    assert.equal(await row(page, 'to stay').count(), 1);
    await page.goto(`${webUrl}/history/${id}`);
    await page.getByText('This run is not in your history').waitFor();
  });

  visit('compares two runs line by line', {}, async (page) => {
    const same = Array.from({ length: 12 }, (_, n) => `# line ${n}`).join('\n');
    await runProgram(page, { code: `${same}\nprint("one")\nprint("both")` });
    await runProgram(page, { code: `${same}\nprint("two")\nprint("both")` });
    await page.goto(`${webUrl}/history`);
    const boxes = page.getByRole('checkbox');
    await boxes.nth(0).check();
    await page.getByText('Choose one more to compare.').waitFor();
    await boxes.nth(1).check();
    await page.getByRole('link', { name: 'Compare', exact: true }).click();
    const code = page.getByRole('region', { name: 'Code' });
    await code.getByText('1 line differs').waitFor();
    assert.match(await code.locator('.gone').innerText(), /print\("one"\)/);
    assert.match(await code.locator('.come').innerText(), /print\("two"\)/);
    await code.getByRole('button', { name: '9 equal lines' }).click();
    await code.getByText('# line 0').first().waitFor();
    await page.getByRole('region', { name: 'Output' }).getByText('1 line differs').waitFor();
  });

  visit(
    'shares a run by a link that can be taken back',
    { expected: /status of 404/ },
    async (page) => {
      const id = await runProgram(page, { code: 'print(input())', stdin: 'for your eyes' });
      await page.goto(`${webUrl}/history/${id}`);
      await page.getByRole('button', { name: 'Share' }).click();
      await page.getByRole('button', { name: 'Get the link' }).click();
      const link = await page.locator('.secret a').getAttribute('href');

      const other = await newVisitor(browser);
      await other.page.goto(link);
      await other.page.getByText('Somebody shared it with you').waitFor();
      assert.match(
        await other.page.getByRole('group', { name: 'Code' }).innerText(),
        /print\(input\(\)\)/,
      );
      assert.match(
        await other.page.getByRole('group', { name: 'Output' }).innerText(),
        /for your eyes/,
      );
      assert.equal(await other.page.getByRole('button', { name: /Delete|Share/ }).count(), 0);

      // A stranger reads, and takes a copy; the run itself is nobody's but its owner's.
      assert.equal((await other.context.request.get(`${webUrl}/api/runs/${id}`)).status(), 404);
      const id26 = link.split('/').at(-1);
      await other.page.getByRole('link', { name: 'Open a copy in the editor' }).click();
      await other.page.locator('.cm-content', { hasText: 'print(input())' }).waitFor();
      await other.page.getByRole('group', { name: 'Output' }).waitFor();
      assert.equal(await other.page.getByRole('button', { name: 'Share' }).count(), 0);

      await page.getByRole('button', { name: 'Take the link back' }).click();
      await page.getByText('no link leads to it').waitFor();
      await other.page.goto(`${webUrl}/?shared=${id26}`);
      await other.page.getByText('That run can’t be opened.').waitFor();
      const gone = await other.page.goto(link);
      assert.equal(gone.status(), 404);
      await other.page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
      await other.context.close();
    },
  );

  visit('makes, rotates and revokes an API key', {}, async (page) => {
    await page.getByRole('button', { name: 'Make a key' }).click();
    await page.getByLabel('Name').fill('homework checker');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: '“homework checker” is ready' }).waitFor();
    const secret = await page.locator('.secret code').innerText();
    assert.match(secret, /^sg_[\w-]{40,}$/);
    await page.getByRole('button', { name: 'I have it' }).click();
    assert.ok(!(await page.content()).includes(secret), 'the secret is shown once');

    await page.getByRole('button', { name: 'Rotate homework checker' }).click();
    await page.getByLabel('The old one goes on working').selectOption('0');
    await page.getByRole('button', { name: 'Rotate', exact: true }).click();
    await page.getByText('The key before it does not work any more.').waitFor();
    assert.notEqual(await page.locator('.secret code').innerText(), secret);
    await page.getByRole('button', { name: 'I have it' }).click();
    await page.getByRole('cell', { name: 'revoked' }).waitFor();

    await page.getByRole('button', { name: 'Revoke homework checker' }).click();
    await page.getByRole('button', { name: 'Revoke the key' }).click();
    await page.getByText('The key was revoked.').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('[data-gone]').length === 2);
  });

  visit('can be walked by keyboard', {}, async (page) => {
    await page.goto(`${webUrl}/history`);
    await page.keyboard.press('Tab');
    assert.equal(
      await page.evaluate(() => document.activeElement.textContent.trim()),
      'Skip to the content',
    );
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.ok(
      await page.evaluate(() =>
        document.querySelector('#content').contains(document.activeElement),
      ),
    );
  });

  visit('asks nobody but its own server, whatever one does', {}, async (page, _t, visitor) => {
    const asked = [];
    visitor.context.on('request', (request) => asked.push(request.url()));
    visitor.context.on('page', (other) =>
      other.on('websocket', (socket) => asked.push(socket.url())),
    );
    page.on('websocket', (socket) => asked.push(socket.url()));
    const a = await runProgram(page, { code: 'print("one")' });
    const b = await runProgram(page, { code: 'print("two")' });
    await page.goto(webUrl);
    await page.locator('.run[aria-disabled="false"]').click();
    await page.getByRole('group', { name: 'Output' }).waitFor();
    await page.getByRole('button', { name: 'Keys' }).click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await page.locator('.option').first().waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.option').first().waitFor({ state: 'detached' });
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+f');
    await page.locator('.cm-search').waitFor();
    for (const place of [
      'history',
      `history/${a}`,
      `history/compare?a=${a}&b=${b}`,
      'account',
      `?run=${b}`,
    ]) {
      await page.goto(`${webUrl}/${place}`);
      await page.locator('h1').waitFor({ state: 'attached' });
      await page.waitForLoadState('networkidle');
    }
    const { origin } = new URL(webUrl);
    assert.ok(asked.length > 30, `${asked.length} requests were seen`);
    assert.deepEqual(
      asked.filter((url) => !url.startsWith('data:') && new URL(url).origin !== origin),
      [],
    );
  });

  visit(
    'refuses what a page of another site sends from a visitor’s browser',
    { expected: /Failed to load resource|blocked by CORS/ },
    async (page, _t, visitor) => {
      await page.goto(`${webUrl}/history`);
      await page.getByText('Nothing has run yet').waitFor();
      const evil = createServer((_request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.end('<!doctype html><title>Another site</title><h1>Win a prize</h1>');
      });
      // Another host name is another site; the guest's cookie is for the first one.
      await new Promise((resolve) => evil.listen(0, 'localhost', resolve));
      try {
        const answers = [];
        visitor.context.on('response', (response) => {
          if (response.url().startsWith(`${webUrl}/api/run`)) answers.push(response.status());
        });
        const other = await visitor.context.newPage();
        await other.goto(`http://localhost:${evil.address().port}`);
        await other.evaluate(async (url) => {
          const body = '{"code":"print(1)","language":"python","stdin":""}';
          await fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include', body }).catch(
            () => undefined,
          );
          const form = document.createElement('form');
          Object.assign(form, { method: 'post', action: url, enctype: 'text/plain' });
          form.append(Object.assign(document.createElement('input'), { name: body, value: '' }));
          document.body.append(form);
          form.submit();
        }, `${webUrl}/api/run`);
        await other.waitForURL(`${webUrl}/api/run`);
        // Of the fetch the browser may not even tell how it was answered.
        assert.deepEqual([...new Set(answers)], [403]);
        await page.reload();
        await page.getByText('Nothing has run yet').waitFor();
      } finally {
        evil.closeAllConnections();
        evil.close();
      }
    },
  );

  it('gives cookies that only this very host gets back, where TLS is', { skip }, async () => {
    const plain = await fetch(`${webUrl}/history`);
    const over = await fetch(`${webUrl}/history`, { headers: { 'X-Forwarded-Proto': 'https' } });
    assert.match(
      plain.headers.get('set-cookie'),
      /^sandgate-guest=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/,
    );
    assert.match(
      over.headers.get('set-cookie'),
      /^__Host-sandgate-guest=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
    );
  });

  it('does nothing for another site', { skip }, async () => {
    const evil = { Origin: 'https://evil.example', 'Content-Type': 'application/json' };
    const id = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
    for (const [method, url] of [
      ['POST', '/api/run'],
      ['POST', '/api/keys'],
      ['POST', '/api/sign-in'],
      ['POST', '/api/sign-out'],
      ['POST', `/api/runs/${id}/share`],
      ['DELETE', `/api/runs/${id}/share`],
      ['DELETE', `/api/runs/${id}`],
      ['DELETE', `/api/keys/${'A'.repeat(26)}`],
      ['POST', `/api/keys/${'A'.repeat(26)}/rotate`],
    ]) {
      const body = method === 'POST' ? '{}' : undefined;
      const answer = await fetch(webUrl + url, { method, headers: evil, body });
      assert.equal(answer.status, 403, `${method} ${url}`);
    }
  });

  it('lets no inline script run', { skip }, async () => {
    for (const place of ['/', '/history', '/account', '/nothing']) {
      const answer = await fetch(webUrl + place);
      const policy = answer.headers.get('content-security-policy');
      const scripts = policy.split('; ').find((part) => part.startsWith('script-src'));
      const nonce = /'nonce-([^']+)'/.exec(scripts)[1];
      assert.ok(!/unsafe/.test(scripts), scripts);
      for (const [tag] of (await answer.text()).matchAll(/<script[^>]*>/g))
        assert.ok(tag.includes(`nonce="${nonce}"`), `${place}: ${tag}`);
    }
  });

  for (const [width, height] of [
    [390, 844],
    [1440, 900],
  ]) {
    for (const colorScheme of ['light', 'dark']) {
      visit(
        `every page fits ${width} pixels, ${colorScheme}, and pleases axe`,
        { viewport: { width, height }, colorScheme, expected: /status of 404/ },
        async (page, t) => {
          const save = async (name) => {
            await assertFits(page);
            await assertAccessible(page, t);
            const file = path.join(screenshots, `${name}-${width}-${colorScheme}.png`);
            await page.screenshot({ path: file, animations: 'disabled', fullPage: true });
          };
          await page.goto(`${webUrl}/history`);
          await page.getByText('Nothing has run yet').waitFor();
          await save('history-empty');

          const code =
            'import sys\nname = input()\nfor n in range(3):\n    print("hello", name, n)\n';
          const a = await runProgram(page, { code, stdin: 'ada' });
          const b = await runProgram(page, {
            code: `${code}print("that was it", file=sys.stderr)\nsys.exit(2)\n`,
            stdin: 'grace',
          });
          await runProgram(page, { code: 'int main(void) { return oops; }', language: 'c' });
          await runProgram(page, { code: 'echo one two three', language: 'bash' });
          await page.goto(`${webUrl}/history`);
          await page.locator('.run-row').nth(3).waitFor();
          await page.getByRole('checkbox').nth(1).check();
          await save('history');
          await row(page, 'one two three')
            .getByRole('button', { name: /^Delete/ })
            .click();
          await page.getByRole('dialog').waitFor();
          await save('history-delete');

          await page.goto(`${webUrl}/history/${b}`);
          await page.getByRole('group', { name: 'Errors' }).waitFor();
          await save('run');
          await page.getByRole('button', { name: 'Share' }).click();
          await page.getByRole('button', { name: 'Get the link' }).click();
          const link = await page.locator('.secret a').getAttribute('href');
          await save('run-share');
          await page.goto(link);
          await page.getByText('Somebody shared it').waitFor();
          await save('shared');

          await page.goto(`${webUrl}/history/compare?a=${b}&b=${a}`);
          await page.getByRole('region', { name: 'Code' }).waitFor();
          await save('compare');

          await page.goto(`${webUrl}/account`);
          await page.getByText('No keys yet').waitFor();
          await page.getByRole('img').first().waitFor();
          await save('account-empty');
          await page.getByRole('button', { name: 'Make a key' }).click();
          await page.getByLabel('Name').fill('homework checker');
          await save('account-make');
          await page.getByRole('button', { name: 'Make the key' }).click();
          await page.getByText('is ready').waitFor();
          await save('account-secret');
          await page.getByRole('button', { name: 'I have it' }).click();
          await page.getByRole('button', { name: 'Rotate homework checker' }).waitFor();
          await save('account');

          await page.goto(`${webUrl}/nothing`);
          await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
          await save('not-found');
          await page.goto(webUrl);
          await page.locator('.cm-content').waitFor();
          await assertAccessible(page, t);
        },
      );
    }
  }
});
