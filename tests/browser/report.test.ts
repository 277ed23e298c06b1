import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { type AdminHouse, openAdminHouse, TABLE } from '../rooms/operate/admin-house.ts';
import { differ, different, notCompared, same, text } from '../rooms/operate/comparisons.ts';
import { openBrowser } from './browser.ts';

let house: AdminHouse;
let browser: Browser;
let page: Page;
let folder: string;
let report: string;
const [troubles, asked]: [string[], string[]] = [[], []];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-report-'));
  [house, browser] = await Promise.all([
    openAdminHouse({ table: TABLE.replaceAll('stage: legacy', 'stage: shadow') }),
    openBrowser(),
  ]);
  const hostile = '"><script>document.title = "taken"</script><img src="http://127.0.0.1:1/x">';
  const long = `/${'a_very_long_member_'.repeat(8)}/*/x`;
  await house.store.ledger.add([
    ...same('ai.jobs', 5_000),
    ...same('chat.channels', 100),
    ...Array.from({ length: 3 }, () => different('chat.channels')),
    different('chat.channels', { differences: [differ(`/${hostile}`)], sample: { path: `/${hostile}` } }),
    different('chat.channels', { differences: [differ(long, 'type', text(5), text(3))] }),
    ...notCompared('ai.complete', 'rows_behind', 5),
  ]);
  report = join(folder, 'report.html');
  writeFileSync(report, (await house.ask('/api/diffs/report.html')).text);
}, 60_000);
beforeEach(async () => {
  const context = await browser.newContext({
    javaScriptEnabled: true,
    viewport: { width: 1000, height: 800 },
  });
  page = await context.newPage();
  troubles.length = 0;
  asked.length = 0;
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => troubles.push(message.text()));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(pathToFileURL(report).href);
});
afterEach(() => page.context().close());
afterAll(async () => {
  await browser?.close();
  await house?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the report as a file', () => {
  test('shows itself with its style, asks nobody for anything, and runs nothing', async () => {
    await page.getByRole('heading', { name: 'Shadow comparison', exact: true }).waitFor();
    expect(await page.title()).toMatch(/^Shadow comparison, /);
    expect(await page.evaluate('getComputedStyle(document.querySelector(".badge")).borderRadius')).toBe(
      '99px',
    );
    expect(asked).toEqual([pathToFileURL(report).href]);
    expect(troubles).toEqual([]);
    expect(await page.locator('script, img').count()).toBe(0);
  });

  test('is read by its structure: one first heading, a heading for each route, tables with heads', async () => {
    const count = (selector: string) => page.locator(selector).count();
    expect([await count('h1'), await count('section.route > h2')]).toEqual([1, 4]);
    const nameless =
      'Array.from(document.querySelectorAll("table")).filter((t) => !t.querySelector("thead th[scope=col]")).length';
    expect(await page.evaluate(nameless)).toBe(0);
    await page.getByRole('link', { name: 'chat.channels' }).click();
    expect(page.url()).toContain('#route-chat.channels');
    await page.getByRole('region', { name: /chat\.channels/ }).waitFor();
  });

  test.each([
    [1000, 'light'],
    [400, 'light'],
    [400, 'dark'],
  ] as const)('fits into %i pixels without scrolling sideways (%s)', async (width, colorScheme) => {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    expect(await page.evaluate(overflow)).toBe(0);
  });

  test.each(['light', 'dark'] as const)(
    'can be read: every text stands out from its ground (%s)',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate(FIND_FAINT)).toEqual([]);
    },
  );

  test('prints on A4 in light colours whatever the screen has', async () => {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(23, 33, 29)');
    const paper = await page.pdf({ format: 'A4' });
    const pages = paper.toString('latin1').match(/\/Type \/Page\b/g)?.length ?? 0;
    expect(pages).toBeGreaterThanOrEqual(2);
    expect(paper.toString('latin1')).toMatch(/\/MediaBox \[0 0 59[45]\.\d* 84[12]/);
  });
});

/** WCAG 2.2, 1.4.3: texts whose contrast with what is behind them is below 4.5. */
const FIND_FAINT = `(() => {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
    return color.startsWith('color(') ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const light = ([r, g, b]) =>
    [r, g, b]
      .map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const ground = parse(getComputedStyle(at).backgroundColor);
      if (ground[3] > 0) return ground;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.textContent.trim() === '') continue;
    const [one, other] = [light(parse(getComputedStyle(element).color)), light(groundOf(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) faint.push(element.className + ': ' + walker.currentNode.textContent.slice(0, 30) + ' ' + contrast.toFixed(2));
  }
  return [...new Set(faint)];
})()`;
