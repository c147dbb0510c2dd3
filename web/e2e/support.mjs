import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

export const webUrl = (process.env.WEB_URL ?? 'http://127.0.0.1:3000').replace(/\/+$/, '');
export const secret = process.env.SANDGATE_API_KEY_CHECK ?? '';

/** How long a program may take from Run to its result; a busy machine queues. */
const RUN_TIMEOUT = 60_000;

const candidates = process.env.CHROMIUM
  ? [process.env.CHROMIUM]
  : ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const browserPath = candidates.find((candidate) => existsSync(candidate));

export function launch() {
  return chromium.launch({
    executablePath: browserPath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export async function screenshotFolder() {
  const wanted = process.env.SCREENSHOT_DIR;
  if (!wanted) return mkdtemp(path.join(os.tmpdir(), 'sandgate-screenshots-'));
  await mkdir(wanted, { recursive: true });
  return wanted;
}

/**
 * A page that remembers everything it was told and everything it complained of.
 * `seed` is the work a returning visitor would have in this browser.
 */
export async function openPage(browser, { seed, prepare, path: where = '/', ...options } = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  const log = { complaints: [], requests: [], responses: [] };

  page.on('pageerror', (error) => log.complaints.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) log.complaints.push(message.text());
  });
  page.on('request', (request) => log.requests.push(request.url()));
  page.on('response', (response) => log.responses.push(response));

  if (seed) {
    await page.addInitScript((workspace) => {
      if (sessionStorage.getItem('seeded')) return; // a reload must find the person's own work
      sessionStorage.setItem('seeded', 'yes');
      localStorage.setItem('sandgate.workspace', JSON.stringify(workspace));
    }, seed);
  }
  await prepare?.(page);
  await page.goto(webUrl + where);
  await page.locator('.cm-content').waitFor();
  return { page, log, close: () => context.close() };
}

export const workspace = (language, code, stdin = '') => ({
  language,
  stdin,
  code: { [language]: code },
});

export const block = (page, name) => page.getByRole('group', { name, exact: true });
export const tab = (page, name) => page.getByRole('tab', { name });
/** Opens the list of languages, and chooses one by its key. */
export async function chooseLanguage(page, key) {
  await page.locator('.picker-button').click();
  await page.locator(`.option[data-key="${key}"]`).last().click();
  await page.locator(`.picker-button[data-language="${key}"]`).waitFor();
}

export const runButton = (page) => page.getByRole('button', { name: /^Run/ });

/** Waits until the languages are there, so that Run does something. */
export async function ready(page) {
  await page.locator('.run[aria-disabled="false"]').waitFor();
}

/**
 * Runs what is in the editor until the status pill says `description`; gives
 * every text the pill has shown on the way.
 */
export async function runTo(page, description, start = () => runButton(page).click()) {
  await page.evaluate(() => {
    window.pillTexts = [];
    new MutationObserver(() => {
      const text = document.querySelector('.panel-result .pill')?.textContent;
      if (text && window.pillTexts.at(-1) !== text) window.pillTexts.push(text);
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
  });
  await start();
  try {
    await page.waitForFunction((last) => window.pillTexts.at(-1)?.includes(last), description, {
      timeout: RUN_TIMEOUT,
    });
  } catch (cause) {
    const result = await page.locator('.panel-result').innerText();
    throw new Error(`No "${description}"; the result panel says:\n${result}`, { cause });
  }
  return page.evaluate(() => window.pillTexts);
}

/** What axe finds, in words; and how much it looked at. */
export async function audit(page) {
  const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  if (!(await page.evaluate(() => 'axe' in window))) {
    await page.evaluate(await readFile(axe, 'utf8'));
  }
  const { violations, passes } = await page.evaluate(async () => {
    // What is just appearing has less contrast than it will have in a moment.
    const ends = document
      .getAnimations()
      .filter((one) => one.effect?.getComputedTiming().iterations !== Infinity)
      .map((one) => one.finished.catch(() => undefined));
    await Promise.all(ends);
    return window.axe.run(document, { resultTypes: ['violations'] });
  });
  const all = violations.map(
    ({ id, impact, nodes }) => `${impact}: ${id}: ${nodes.map((node) => node.target).join(', ')}`,
  );
  return {
    rules: passes.length,
    bad: all,
  };
}
