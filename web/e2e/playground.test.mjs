// Drives a real browser against a running Sandgate: WEB_URL names it.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  block,
  browserPath,
  launch,
  openPage,
  ready,
  runButton,
  runTo,
  screenshotFolder,
  secret,
  webUrl,
  workspace,
} from './support.mjs';

const FIRST_LOAD_LIMIT = 250 * 1024;

const skip = browserPath
  ? false
  : 'no Chromium found: install one, or name it in the environment variable CHROMIUM';

describe('the playground', () => {
  let browser;
  let installed;
  let screenshots;

  before(async () => {
    if (skip) return;
    const answer = await fetch(`${webUrl}/api/languages`);
    assert.equal(answer.status, 200, `${webUrl}/api/languages: ${await answer.clone().text()}`);
    installed = new Set((await answer.json()).languages.map(({ key }) => key));
    screenshots = await screenshotFolder();
    browser = await launch();
  });

  after(() => browser?.close());

  /** A test that opens a page, and that the page must survive without a complaint. */
  function onPage(name, { needs, ...options }, body) {
    it(name, { skip }, async (t) => {
      if (needs && !installed.has(needs)) return t.skip(`${needs} is not installed there`);
      const opened = await openPage(browser, options);
      try {
        await body(opened.page, opened.log, t);
        assert.deepEqual(opened.log.complaints, []);
        const foreign = opened.log.requests.filter(
          (url) => new URL(url).origin !== new URL(webUrl).origin && !url.startsWith('data:'),
        );
        assert.deepEqual(foreign, [], 'requests to third parties');
      } finally {
        await opened.close();
      }
    });
  }

  onPage(
    'runs Python and shows it go In Queue, Processing, Accepted',
    {
      needs: 'python',
      seed: workspace('python', 'import time\ntime.sleep(1)\nprint("six times", 6 * 7)\n'),
    },
    async (page) => {
      await ready(page);
      const seen = await runTo(page, 'Accepted');
      assert.deepEqual(seen, ['Sending', 'In Queue', 'Processing', 'Accepted']);
      assert.equal(await block(page, 'Output').textContent(), 'six times 42\n');
      const figures = await page.locator('.figures').innerText();
      assert.match(figures, /CPU time\s+[\d.]+ m?s/);
      assert.match(figures, /Memory\s+[\d.]+ [KM]B/);
      assert.match(
        await page.locator('.panel-result [role=status]').textContent(),
        /^Finished: Accepted/,
      );
    },
  );

  onPage(
    'gives the program its input',
    { needs: 'python', seed: workspace('python', 'print(input()[::-1])\nprint(input())\n') },
    async (page) => {
      await ready(page);
      await page.getByRole('textbox', { name: 'Input' }).fill('etagdnas\n  two  spaces\n');
      await runTo(page, 'Accepted');
      assert.equal(await block(page, 'Output').textContent(), 'sandgate\n  two  spaces\n');
    },
  );

  onPage(
    'shows what the compiler said about C',
    { needs: 'c', seed: workspace('c', 'int main(void) { return oops; }\n') },
    async (page) => {
      await ready(page);
      await runTo(page, 'Compilation Error');
      assert.match(await block(page, 'Compiler output').textContent(), /oops.*undeclared/);
      assert.equal(await block(page, 'Output').count(), 0);
      await page.getByText('The compiler did not accept the code').waitFor();
    },
  );

  onPage(
    'shows stderr and the exit code of a program that fails',
    {
      needs: 'python',
      seed: workspace('python', 'import sys\nprint("before")\nsys.exit("it broke")\n'),
    },
    async (page) => {
      await ready(page);
      await runTo(page, 'NZEC');
      assert.equal(await block(page, 'Output').textContent(), 'before\n');
      assert.match(await block(page, 'Errors').textContent(), /it broke/);
      await page.getByText('exit code 1').waitFor();
    },
  );

  onPage(
    'says so when a program prints nothing',
    { needs: 'python', seed: workspace('python', 'pass\n') },
    async (page) => {
      await ready(page);
      await runTo(page, 'Accepted');
      await page.getByText('The program printed nothing.').waitFor();
    },
  );

  onPage('can be used by keyboard alone', { needs: 'python' }, async (page) => {
    await ready(page);
    const editor = page.locator('.cm-content');
    await editor.focus();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('print("typed")');
    await runTo(page, 'Accepted', () => page.keyboard.press('Control+Enter'));
    assert.equal(await block(page, 'Output').textContent(), 'typed\n');
    assert.equal(await editor.innerText(), 'print("typed")', 'the shortcut left the code alone');

    const inEditor = () => editor.evaluate((element) => element.contains(document.activeElement));
    assert.ok(await inEditor(), 'running leaves the focus where it was');
    await page.keyboard.press('Home');
    await page.keyboard.press('Tab');
    assert.ok(await inEditor());
    assert.match(await editor.innerText(), /^ {4}print/, 'Tab indents');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    assert.ok(!(await inEditor()), 'Esc, then Tab, leaves');
  });

  onPage('keeps the work over a reload', { needs: 'python' }, async (page) => {
    await ready(page);
    const picker = page.getByLabel('Language');
    const other = [...installed].find((key) => ['c', 'bash', 'go', 'javascript'].includes(key));
    await picker.selectOption('python');
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('print("kept")');
    await page.getByRole('textbox', { name: 'Input' }).fill('kept, too');
    if (other) {
      await picker.selectOption(other);
      await page.waitForFunction(
        () => !document.querySelector('.cm-content')?.textContent.includes('kept'),
      );
    }
    await page.getByRole('radio', { name: 'Dark' }).check({ force: true });

    await page.reload();
    await ready(page);
    assert.equal(await picker.inputValue(), other ?? 'python');
    assert.equal(await page.getByRole('textbox', { name: 'Input' }).inputValue(), 'kept, too');
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
    await picker.selectOption('python');
    await page.locator('.cm-content').filter({ hasText: 'print("kept")' }).waitFor();

    await page.getByRole('button', { name: 'Reset to the example' }).click();
    await page.locator('.cm-content').filter({ hasNotText: 'kept' }).waitFor();
    await page.keyboard.press('Control+z');
    await page.locator('.cm-content').filter({ hasText: 'print("kept")' }).waitFor();
  });

  onPage(
    'stays usable with half a megabyte of output',
    {
      needs: 'python',
      seed: workspace('python', 'for i in range(10000):\n    print(f"{i:05}", "x" * 43)\n'),
    },
    async (page) => {
      await ready(page);
      await runTo(page, 'Accepted');
      const output = block(page, 'Output');
      assert.ok((await output.textContent()).length <= 60_000, 'only the beginning is laid out');
      await page.getByRole('button', { name: 'Show everything' }).click();
      assert.equal((await output.textContent()).length, 500_000);
    },
  );

  onPage('shows each installed example run to its end', {}, async (page) => {
    await ready(page);
    const examples = 'c cpp java python go rust javascript typescript bash text'.split(' ');
    for (const key of examples.filter((example) => installed.has(example))) {
      await page.getByLabel('Language').selectOption(key);
      await runTo(page, 'Accepted');
    }
  });

  it('gives the browser neither the API key nor a long first load', { skip }, async (t) => {
    const { page, log, close } = await openPage(browser, {
      seed: workspace('text', 'no editor language\n'),
      prepare: (fresh) =>
        fresh.route('**/api/languages', (route) =>
          route.fulfill({ json: { languages: [{ id: 43, key: 'text', name: 'Plain Text' }] } }),
        ),
    });
    try {
      await ready(page);
      let scripts = 0;
      for (const response of log.responses) {
        const body = await response.text();
        const headers = JSON.stringify(await response.allHeaders());
        if (secret) assert.ok(!(body + headers).includes(secret), response.url());
        if (response.request().resourceType() === 'script') {
          scripts += (await response.request().sizes()).responseBodySize;
        }
      }
      if (secret) assert.ok(!(await page.content()).includes(secret));
      else t.diagnostic('SANDGATE_API_KEY_CHECK is not set: the key was not looked for');
      t.diagnostic(`first load: ${(scripts / 1024).toFixed(1)} KB of script, compressed`);
      assert.ok(scripts > 0 && scripts < FIRST_LOAD_LIMIT);
    } finally {
      await close();
    }
  });

  it('says when the gateway is down, and tries again', { skip }, async () => {
    const detail = 'The Sandgate gateway cannot be reached.';
    const { page, close } = await openPage(browser, {
      prepare: (fresh) =>
        fresh.route(
          '**/api/languages',
          (route) =>
            route.fulfill({
              status: 502,
              contentType: 'application/problem+json',
              body: JSON.stringify({ title: 'Bad Gateway', status: 502, detail }),
            }),
          { times: 1 },
        ),
    });
    try {
      await page.getByText(detail).waitFor();
      assert.equal(await runButton(page).getAttribute('aria-disabled'), 'true');
      await page.getByRole('button', { name: 'Try again' }).click();
      await ready(page);
      assert.equal(await page.getByText(detail).count(), 0);
    } finally {
      await close();
    }
  });

  it('asks for the result when the event stream cannot be had', { skip }, async (t) => {
    if (!installed.has('python')) return t.skip('python is not installed there');
    const { page, close } = await openPage(browser, {
      seed: workspace('python', 'print("found anyway")\n'),
      prepare: (fresh) => fresh.route('**/events', (route) => route.fulfill({ status: 500 })),
    });
    try {
      await ready(page);
      const seen = await runTo(page, 'Accepted');
      assert.ok(seen.includes('Reconnecting'), seen.join());
      assert.equal(await block(page, 'Output').textContent(), 'found anyway\n');
    } finally {
      await close();
    }
  });

  it('runs nothing for another site', { skip }, async () => {
    const answer = await fetch(`${webUrl}/api/run`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: 'https://evil.example' },
      body: JSON.stringify({ code: 'print(1)', language: 'python', stdin: '' }),
    });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  });

  for (const [width, height] of [
    [390, 844],
    [1440, 900],
  ]) {
    for (const colorScheme of ['light', 'dark']) {
      onPage(
        `fits ${width} pixels, ${colorScheme}`,
        { needs: 'python', viewport: { width, height }, colorScheme },
        async (page) => {
          await ready(page);
          await runTo(page, 'Accepted');
          // Stacked, the page scrolls the result up; wait for it to arrive.
          await page.waitForFunction(() => {
            const output = document.querySelector('.panel-result .output');
            return output && output.getBoundingClientRect().top < innerHeight * 0.75;
          });
          assert.ok(await runButton(page).isVisible());
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          assert.equal(overflow, 0, 'nothing sticks out to the side');
          const file = path.join(screenshots, `accepted-${width}-${colorScheme}.png`);
          await page.screenshot({ path: file, animations: 'disabled' });
        },
      );
    }
  }
});
