import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { openStore, type Store } from '../../src/store/index.ts';
import { differ, different, groupAt, same, text } from '../rooms/operate/comparisons.ts';
import { ADMIN_TOKEN, startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { openBrowser } from './browser.ts';

let house: TestHouse;
let store: Store;
let browser: Browser;
let page: Page;
const troubles: string[] = [];

beforeAll(async () => {
  [house, browser] = await Promise.all([startHouse({ table: tableAt('legacy') }), openBrowser()]);
  store = await openStore({ url: house.storeUrl.app, emit: () => undefined, onUnscoped: 'refuse' });
  await store.ledger.add([
    ...same('chat.channels', 1_000),
    ...Array.from({ length: 3 }, () => different('chat.channels')),
    ...same('ai.jobs', 40_000),
    ...Array.from({ length: 8 }, (_, at) =>
      different('files.list', { differences: [differ(`/member_${at}`)] }),
    ),
  ]);
}, 60_000);
beforeEach(async () => {
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(8_000);
  troubles.length = 0;
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
  await page.goto(house.adminUrl);
  await page.getByLabel('Your name').fill('ada');
  await page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await page.getByRole('button', { name: 'Sign in' }).click();
});
afterEach(() => page.close());
afterAll(async () => {
  await browser?.close();
  await store?.close();
  await house?.close();
});

const panel = () => page.locator('#shadow');
const routeIn = (route: string) => page.locator(`[data-shadow="${route}"]`);
const topicIn = () =>
  routeIn('chat.channels').locator('[data-group]').filter({ hasText: '/results/*/topic' });

describe('the panel of shadow comparison', () => {
  test('shows each route’s verdict, and the groups of those that differ', async () => {
    await routeIn('chat.channels').waitFor();
    const verdicts = await panel()
      .locator('[data-verdict]')
      .evaluateAll((sections) => sections.map(({ dataset }) => [dataset.shadow, dataset.verdict]));
    expect(verdicts).toEqual([
      ['chat.channels', 'different'],
      ['files.list', 'different'],
      ['ai.jobs', 'clean'],
    ]);
    expect(await routeIn('ai.jobs').textContent()).toContain(
      '40,000 comparisons, 0 different, upper bound 0.007 %',
    );
    expect(await topicIn().textContent()).toContain(
      'The type of /results/*/topic in the body differs: string → null.',
    );
    expect(await routeIn('files.list').locator('summary').textContent()).toBe('3 more that count');
    expect(troubles).toEqual([]);
  });

  test('accepts a group behind a dialog, with a reason and an end, and reopens it', async () => {
    await topicIn()
      .getByRole('button', { name: /^Accept/ })
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Accept' }).click();
    expect(await dialog.isVisible()).toBe(true);
    await dialog.getByLabel('Reason').fill('nulls are fine here');
    await dialog.getByRole('button', { name: 'Accept' }).click();
    await dialog.waitFor({ state: 'detached' });
    await routeIn('chat.channels').and(page.locator('[data-verdict="clean"]')).waitFor();
    const group = await groupAt(store.ledger, 'chat.channels', '/results/*/topic');
    expect(group.triage).toMatchObject({ state: 'accepted', owner: 'ada', reason: 'nulls are fine here' });
    const days = group.triage.state === 'accepted' ? (group.triage.untilMs - Date.now()) / 86_400_000 : 0;
    expect(Math.round(days)).toBeGreaterThanOrEqual(29);
    await routeIn('chat.channels').getByText('1 accepted or noise').click();
    await topicIn().getByText('nulls are fine here').waitFor();
    await topicIn()
      .getByRole('button', { name: /^Reopen/ })
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Reopen' }).click();
    await routeIn('chat.channels').and(page.locator('[data-verdict="different"]')).waitFor();
    expect(troubles).toEqual([]);
  });

  test('says in the dialog why a group cannot be accepted', async () => {
    await topicIn()
      .getByRole('button', { name: /^Accept/ })
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('for ever');
    await dialog.getByLabel('Until').evaluate((input) => input.removeAttribute('max'));
    await dialog.getByLabel('Until').fill('2099-01-01');
    await dialog.getByRole('button', { name: 'Accept' }).click();
    await dialog.getByRole('alert').filter({ hasText: 'more than 180 days ahead' }).waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect((await groupAt(store.ledger, 'chat.channels', '/results/*/topic')).triage.state).toBe('open');
  });

  test('shows what others say of a group without being asked, and keeps what is unfolded', async () => {
    await page.getByText('live', { exact: true }).waitFor();
    await routeIn('files.list').locator('summary').click();
    const { id } = await groupAt(store.ledger, 'chat.channels', '/results/*/topic');
    await house.admin('POST', `/api/diffs/${id}/triage`, {
      state: 'bug',
      author: 'grace',
      reason: 'a join is missing',
    });
    await topicIn().getByText('A bug: “a join is missing” (grace)').waitFor();
    expect(await routeIn('files.list').locator('details').getAttribute('open')).not.toBeNull();
    await house.admin('POST', `/api/diffs/${id}/triage`, { state: 'open', author: 'grace' });
  });

  test('opens the report in a tab of its own, styled, with the time that was chosen', async () => {
    await routeIn('chat.channels').waitFor();
    await page.getByLabel('How far back').selectOption('7d');
    const [tab] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('button', { name: 'Report' }).click(),
    ]);
    await tab.getByRole('heading', { name: 'Shadow comparison', exact: true }).waitFor();
    expect(await tab.evaluate('getComputedStyle(document.querySelector(".badge")).borderRadius')).toBe(
      '99px',
    );
    expect(tab.url()).toMatch(/^blob:/);
    await tab.close();
    expect(troubles).toEqual([]);
  });

  test('works by keyboard, and the focus comes back to where it was', async () => {
    await topicIn()
      .getByRole('button', { name: /^Noise/ })
      .focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await store.ledger.add([different('files.list', { differences: [differ('/fresh', 'value', text(4))] })]);
    await page.keyboard.press('Escape');
    await page.locator('button:focus', { hasText: 'Noise' }).waitFor();
  });

  test('takes a path for text, whatever it holds', async () => {
    const hostile = '/<img src=x onerror="document.title=1">';
    await store.ledger.add([different('ai.complete', { differences: [differ(hostile)] })]);
    await page.getByLabel('How far back').selectOption('1h');
    await routeIn('ai.complete').getByText(hostile, { exact: true }).waitFor();
    expect([await page.title(), await panel().locator('img').count()]).toEqual(['Banyan console', 0]);
  });

  test.each(['light', 'dark'] as const)(
    'fits into 400 pixels without scrolling sideways (%s)',
    async (colorScheme) => {
      await page.setViewportSize({ width: 400, height: 800 });
      await page.emulateMedia({ colorScheme });
      await topicIn().waitFor();
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await page.evaluate(overflow)).toBe(0);
      await topicIn()
        .getByRole('button', { name: /^Accept/ })
        .click();
      await page.getByRole('dialog').waitFor();
      expect(await page.evaluate(overflow)).toBe(0);
    },
  );
});
