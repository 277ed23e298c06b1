import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { ADMIN_TOKEN, startHouse, type TestHouse } from '../support/house.ts';
import { openBrowser } from './browser.ts';

let house: TestHouse;
let browser: Browser;
let page: Page;
const troubles: string[] = [];

beforeAll(async () => {
  [house, browser] = await Promise.all([startHouse({ tenants: 4 }), openBrowser()]);
}, 60_000);
beforeEach(async () => {
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(8_000);
  troubles.length = 0;
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
  await page.goto(house.adminUrl);
});
afterEach(() => page.close());
afterAll(async () => {
  await browser?.close();
  await house?.close();
});

async function signIn(token = ADMIN_TOKEN): Promise<void> {
  await page.getByLabel('Your name').fill('ada');
  await page.getByLabel('Admin token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const stageOf = (route: string) => page.locator(`[data-route="${route}"]`).getAttribute('data-stage');
const entries = () => page.locator('#log .entry');

/** Flips by the API, as somebody else would. */
async function flipElsewhere(body: object): Promise<void> {
  const answer = await house.admin('POST', '/api/flips', {
    author: 'grace',
    reason: 'from elsewhere',
    ...body,
  });
  expect(answer.status).toBe(201);
}

describe('the console', () => {
  test('lets nobody in without the token, and keeps it out of the page’s address', async () => {
    await signIn('not-the-token-of-this-gateway');
    await page.getByRole('alert').filter({ hasText: 'not the admin token' }).waitFor();
    expect(await page.locator('#app').isVisible()).toBe(false);
    await signIn();
    await page.getByRole('heading', { name: 'Where the monolith stands' }).waitFor();
    expect(await page.locator('#sign-in').isVisible()).toBe(false);
    expect(page.url()).toBe(`${house.adminUrl}/`);
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  test('flips the AI feature for one tenant, shows it on the board and in the log, and takes it back', async () => {
    const before = readFileSync(house.tableFile, 'utf8');
    await signIn();
    await page.getByRole('button', { name: 'Flip ai', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('canary', { exact: true }).click();
    await dialog.getByLabel('Add to: always for').fill('acme');
    await dialog.getByLabel('Add to: always for').press('Enter');
    await dialog.getByText('The new side answers acme; legacy answers everyone else.').waitFor();
    await dialog.getByLabel('Reason').fill('first tenant on the new engine');
    await dialog.getByRole('button', { name: 'Flip' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.locator('[data-route="ai.complete"][data-stage="canary"]').waitFor();
    expect(await page.locator('[data-feature="ai"] .flag').textContent()).toContain('+ acme');
    await entries()
      .first()
      .filter({ hasText: 'canary 0 % acme' })
      .filter({ hasText: 'first tenant on the new engine' })
      .waitFor();
    const served = await Promise.all(
      ['acme', 'globex'].map((tenant) => house.call(tenant, 'GET', '/api/ai/jobs/')),
    );
    expect(served.map(({ headers }) => headers.get('x-served-by'))).toEqual(['new', 'legacy']);

    await page.getByRole('button', { name: 'Undo last flip' }).click();
    await page.getByRole('dialog').getByLabel('Reason').fill('only a try');
    await page.getByRole('dialog').getByRole('button', { name: 'Undo' }).click();
    await page.locator('[data-route="ai.complete"][data-stage="legacy"]').waitFor();
    await entries().filter({ hasText: 'taken back by' }).first().waitFor();
    expect(readFileSync(house.tableFile, 'utf8')).toBe(before);
    expect(troubles).toEqual([]);
  });

  test('shows what others do without being asked, and a refused table until it is mended', async () => {
    await signIn();
    await page.getByText('live', { exact: true }).waitFor();
    await flipElsewhere({ subject: 'chat', stage: 'shadow' });
    await page.locator('[data-route="chat.socket"][data-stage="shadow"]').waitFor();
    await page.getByText('grace flipped chat to shadow').waitFor();
    const good = readFileSync(house.tableFile, 'utf8');
    house.writeTable(good.replace('stage: shadow', 'stage: shadwo'));
    await page.getByText('did you mean "shadow"').waitFor();
    house.writeTable(good);
    await page.getByText('did you mean "shadow"').waitFor({ state: 'detached' });
    await house.admin('POST', '/api/flips/undo', { author: 'grace' });
    await page.locator('[data-route="chat.socket"][data-stage="legacy"]').waitFor();
  });

  test('explains who would answer', async () => {
    await signIn();
    await page.getByLabel('Path').fill('/api/ai/jobs/');
    await page.getByLabel('Tenant', { exact: true }).fill('acme');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.getByText('legacy answers', { exact: true }).waitFor();
    expect(await page.locator('#explanation').textContent()).toContain('The route is at stage legacy');
  });

  test('says in the dialog why a flip cannot be, and refuses one whose table has changed meanwhile', async () => {
    await signIn();
    await page.getByRole('button', { name: 'Flip files.list to new' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Route files.list goes from legacy to new.').waitFor();
    await dialog.getByLabel('Reason').fill('too late');
    await page.route('**/api/flips', async (route) => {
      const body = route.request().postDataJSON() as { dry_run?: true };
      if (!body.dry_run) await flipElsewhere({ subject: 'dashboard', stage: 'shadow' });
      await route.continue();
    });
    await dialog.getByRole('button', { name: 'Flip' }).click();
    await dialog.getByRole('alert').filter({ hasText: 'Look again' }).waitFor();
    expect(await stageOf('files.list')).toBe('legacy');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await house.admin('POST', '/api/flips/undo', { author: 'grace' });
  });

  test('forces a feature to legacy, shows it on the board and in explain, and lets go again', async () => {
    const brake = 'Force to legacy, whatever stage, flag and testers say';
    await flipElsewhere({ subject: 'chat', stage: 'new' });
    const before = readFileSync(house.tableFile, 'utf8');
    await signIn();
    await page.getByRole('button', { name: 'Flip chat', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(brake).check();
    await dialog.getByText('Legacy answers everyone, because the table forces it.').waitFor();
    await dialog.getByLabel('Reason').fill('wrong totals');
    await dialog.getByRole('button', { name: 'Flip' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.locator('[data-route="chat.channels"][data-stage="new"][data-forced-by="feature"]').waitFor();
    await page.locator('[data-feature="chat"] .head .pill.forced').waitFor();
    const forced = await house.call('acme', 'GET', '/api/chat/channels/');
    expect(forced.headers.get('x-served-by')).toBe('legacy');

    await page.getByRole('button', { name: 'Flip chat', exact: true }).click();
    await dialog.getByText('Untick that to flip.').waitFor();
    expect(await dialog.getByRole('radio', { name: 'canary' }).isDisabled()).toBe(true);
    await dialog.getByLabel(brake).uncheck();
    await dialog.getByText('Feature chat is no longer forced to legacy.').waitFor();
    await dialog.getByLabel('Reason').fill('right again');
    await dialog.getByRole('button', { name: 'Flip' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.locator('.pill.forced').first().waitFor({ state: 'detached' });
    expect(readFileSync(house.tableFile, 'utf8')).toBe(before);
    await house.admin('POST', '/api/flips', {
      subject: 'chat',
      stage: 'legacy',
      author: 'grace',
      reason: 'as it was',
    });
    expect(troubles).toEqual([]);
  });

  test('works by keyboard alone', async () => {
    await page.getByLabel('Your name').focus();
    await page.keyboard.type('ada');
    await page.keyboard.press('Tab');
    await page.keyboard.type(ADMIN_TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Where the monolith stands' }).waitFor();
    await page.getByRole('button', { name: 'Flip chat', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await flipElsewhere({ subject: 'chat', stage: 'shadow' });
    await page.locator('[data-route="chat.post"][data-stage="shadow"]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('button:focus', { hasText: 'Flip chat' }).waitFor();
    await house.admin('POST', '/api/flips/undo', { author: 'grace' });
  });

  test.each([['light'], ['dark']] as const)(
    'fits into 400 pixels without scrolling sideways (%s)',
    async (colorScheme) => {
      await page.setViewportSize({ width: 400, height: 800 });
      await page.emulateMedia({ colorScheme });
      await signIn();
      await page.getByRole('button', { name: 'Flip ai', exact: true }).waitFor();
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await page.evaluate(overflow)).toBe(0);
      await page.getByRole('button', { name: 'Flip ai', exact: true }).click();
      await page.getByRole('dialog').waitFor();
      expect(await page.evaluate(overflow)).toBe(0);
    },
  );
});
