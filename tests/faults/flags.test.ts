import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { CommandLineParts } from '../../src/operate/index.ts';
import { openBench } from '../rooms/decide/support.ts';
import { runBanyan } from '../rooms/operate/admin-house.ts';
import {
  type FlagServer,
  flag,
  onFor,
  openFlagServer,
  refuse,
  rollout,
  tell,
  tellAs,
} from '../support/flag-server.ts';
import { freePort } from '../support/free-port.ts';
import { ADMIN_TOKEN, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';

// The flags of the demo table, read from a flag server that has good days and bad days. What a real Unleash does: tests/unleash.

const REFRESH_MS = 100;
const PATH = '/api/ai/jobs/';
const OTHERS = ['login-new', 'chat-new', 'files-new', 'dashboard-new'].map((name) => flag(name, onFor()));
const GOOD = tell([flag('ai-engine', onFor('acme')), ...OTHERS]);
const POISONED = join(tmpdir(), 'unleash-backup-banyan.json');

let house: TestHouse;
let port: number;
let server: FlagServer | undefined;

beforeAll(async () => {
  port = await freePort();
  // Believed at once by the library's own storage: every flag on for everybody.
  const everybody = ['ai-engine', 'chat-new', 'files-new'].map((name) => flag(name));
  writeFileSync(POISONED, JSON.stringify({ version: 2, features: everybody, segments: [] }));
  house = await startHouse({
    table: tableAt('canary'),
    env: {
      UNLEASH_URL: `http://127.0.0.1:${port}/api`,
      UNLEASH_API_TOKEN: 'token-of-the-tests',
      UNLEASH_REFRESH_MS: String(REFRESH_MS),
    },
  });
}, 60_000);
afterAll(async () => {
  rmSync(POISONED, { force: true });
  await house.close();
  await server?.close();
  // The library's retries of a request that was on its way cannot be called off; they end by themselves.
  await wait(2_500);
});

const sideOf = async (tenant: string) => {
  const answer = await house.call(tenant, 'GET', PATH);
  await answer.arrayBuffer();
  return answer.status === 200 ? answer.headers.get('x-served-by') : answer.status;
};
const reasonOf = async (tenant: string) => {
  const told = await house.admin('POST', '/api/explain', { method: 'GET', path: PATH, tenant });
  return ((await told.json()) as { reason: string }).reason;
};
const readiness = async () => {
  const answer = await fetch(`${house.adminUrl}/readyz`);
  const { parts } = (await answer.json()) as { parts: Record<string, { ready: boolean; detail: string }> };
  return [answer.status, parts.flags?.ready, parts.flags?.detail] as const;
};
const metric = async (name: string) => {
  const text = await (await fetch(`${house.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
};
const flagStates = () =>
  house.log
    .filter((line) => line.includes('"flags_changed"'))
    .map((line) => (JSON.parse(line) as { state: string }).state);

test('row-078-flag-server-down-at-start: the gateway serves within 2 s, legacy answers, and readiness says that the flags are the default', async () => {
  const beganMs = performance.now();
  const another = await openBench(tableAt('canary'), {
    unleash: { url: `http://127.0.0.1:${port}/api`, token: 'token-of-the-tests', appName: 'banyan' },
  });
  expect(performance.now() - beganMs).toBeLessThan(2_000);
  await another.close();
  expect([await sideOf('acme'), await reasonOf('acme')]).toEqual(['legacy', 'flag_unknown']);
  expect(await readiness()).toEqual([200, true, expect.stringMatching(/^unleash: default, /)]);
  // Nobody has been heard yet: the age counts from the start, so that its alarm goes off.
  await wait(3 * REFRESH_MS);
  expect(await metric('banyan_flags_age_seconds')).toBeGreaterThan((3 * REFRESH_MS) / 1000);
});

test('row-083-poisoned-backup: a backup file in the shared temporary folder is not believed, nor is one written', async () => {
  expect([await sideOf('globex'), await reasonOf('globex')]).toEqual(['legacy', 'flag_unknown']);
  server = await openFlagServer(GOOD, port);
  await until(async () => (await sideOf('acme')) === 'new', 'the flag server to be heard');
  expect(await sideOf('globex')).toBe('legacy');
  expect(existsSync(POISONED)).toBe(true);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('unleash-'))).toEqual([
    'unleash-backup-banyan.json',
  ]);
});

describe('a flag server that was good', () => {
  beforeEach(async () => {
    server?.answer(GOOD);
    await until(() => flagStates().at(-1) === 'ready', 'the flags to be good again', 10_000);
    await until(async () => (await sideOf('acme')) === 'new', 'the good flags');
    expect(await metric('banyan_flags_age_seconds')).toBeLessThan(1);
  });

  const goesStale = () => until(() => flagStates().at(-1) === 'stale', 'the flags to be stale', 10_000);

  test('row-079-flag-server-down-later: decisions stay as they were, the age grows, and silence of three intervals is told', async () => {
    await server?.close();
    await goesStale();
    expect([await sideOf('acme'), await sideOf('globex')]).toEqual(['new', 'legacy']);
    expect(await metric('banyan_flags_age_seconds')).toBeGreaterThan((3 * REFRESH_MS) / 1000);
    expect(await readiness()).toEqual([200, true, expect.stringMatching(/^unleash: stale, /)]);
    server = await openFlagServer(GOOD, port);
  });

  test.each([401, 403])(
    'row-080-flag-token-refused: after %i the last flags stay, and the gateway goes on asking until it is let in again',
    async (status) => {
      server?.answer(refuse(status));
      await goesStale();
      expect([await sideOf('acme'), await sideOf('globex')]).toEqual(['new', 'legacy']);
      const asked = server?.asked.length ?? 0;
      await until(() => (server?.asked.length ?? 0) > asked + 1, 'the gateway to ask again');
    },
  );

  test.each([
    ['emptied', tell([])],
    ['of another project', tell([flag('somebody-elses')])],
    ['that has lost two of five', tell([flag('ai-engine'), ...OTHERS.slice(2)])],
  ])('row-081-flags-lost: a list %s is refused, and the last flags stay', async (_what, answer) => {
    server?.answer(answer);
    await goesStale();
    expect([await sideOf('acme'), await sideOf('globex')]).toEqual(['new', 'legacy']);
    expect((await readiness())[2]).toMatch(/has lost \d of 5 flags|knows no flags/);
  });

  test('row-081-one-flag-of-five: a fifth of the flags may go, and is unknown then', async () => {
    server?.answer(tell([flag('ai-engine', onFor('globex')), ...OTHERS.slice(1)]));
    await until(async () => (await sideOf('globex')) === 'new', 'the changed flags');
    const told = await house.admin('POST', '/api/explain', {
      method: 'POST',
      path: '/api/auth/login/',
      tenant: 'acme',
    });
    expect(await told.json()).toMatchObject({ side: 'legacy', reason: 'flag_unknown' });
  });

  test.each([
    ['strategies that are no list', { name: 'ai-engine', enabled: true, strategies: 'all' }],
    ['a truth value in words', { name: 'ai-engine', enabled: 'yes', strategies: [] }],
    ['constraints that are no list', flag('ai-engine', { name: 'default', constraints: 'none' })],
    ['no name', { enabled: true, strategies: [] }],
    ['nothing at all', null],
  ])(
    'row-082-malformed-flag: with %s is not believed, and its ETag is not held against the mended one',
    async (_what, malformed) => {
      // Mended under the same ETag: whoever remembers it would be told "not modified" for ever.
      const etag = `"${JSON.stringify(malformed).length}"`;
      server?.answer(tellAs(etag, JSON.stringify({ version: 2, features: [malformed, ...OTHERS] })));
      await goesStale();
      expect([await sideOf('acme'), await sideOf('globex')]).toEqual(['new', 'legacy']);
      const mended = [flag('ai-engine', onFor('globex')), ...OTHERS];
      server?.answer(tellAs(etag, JSON.stringify({ version: 2, features: mended })));
      await until(async () => (await sideOf('globex')) === 'new', 'the mended flag', 10_000);
    },
  );

  test('row-084-flag-changes-in-mid-request: each request is decided once, by one revision, and the log says which', async () => {
    const flags = [onFor('acme'), onFor()].map((strategy) => tell([flag('ai-engine', strategy), ...OTHERS]));
    let turn = 0;
    const timer = setInterval(() => {
      const next = flags[turn++ % 2];
      if (next) server?.answer(next);
    }, 40);
    const before = await metric('banyan_decisions_total{reason="flag_on",side="new"}').then(orZero);
    const seen = new Map<string, string>();
    for (let call = 0; call < 150 || new Set(seen.values()).size < 2; call += 1) {
      const answer = await house.call('acme', 'GET', PATH);
      await answer.arrayBuffer();
      seen.set(answer.headers.get('x-request-id') ?? '', answer.headers.get('x-served-by') ?? '');
      await wait(3);
    }
    clearInterval(timer);
    const lines = house.log
      .filter((line) => line.includes('"request_finished"'))
      .map((line) => JSON.parse(line) as Record<'requestId' | 'side' | 'reason' | 'revision', string>)
      .filter(({ requestId }) => seen.has(requestId));
    expect(lines.length).toBe(seen.size);
    const told = lines.map(({ requestId, side }) => side === seen.get(requestId));
    expect(told.every(Boolean)).toBe(true);
    // A side is a matter of the revision: no revision has had both.
    const pairs = new Set(lines.map(({ revision, side, reason }) => `${revision} ${side} ${reason}`));
    expect(new Set([...pairs].map((pair) => pair.split(' ')[0])).size).toBe(pairs.size);
    const on = lines.filter(({ side }) => side === 'new').length;
    const after = await metric('banyan_decisions_total{reason="flag_on",side="new"}').then(orZero);
    expect(after - before).toBe(on);
  });

  test('row-085-sticky-rollout: a growing share never takes a tenant back, whatever route it asks and whoever asks', async () => {
    const tenants = ['acme', 'globex', 'initech'];
    const reached: string[][] = [];
    for (const percent of [0, 25, 50, 75, 100]) {
      server?.answer(tell([flag('ai-engine', rollout(percent, 'ai-engine')), ...OTHERS]));
      const { revision } = await table();
      await until(async () => (await table()).revision !== revision || percent === 0, 'the new share');
      await wait(percent === 0 ? 4 * REFRESH_MS : 0);
      const on = await Promise.all(tenants.map(async (tenant) => (await sideOf(tenant)) === 'new'));
      reached.push(tenants.filter((_, index) => on[index]));
    }
    for (const [index, names] of reached.entries())
      expect(names).toEqual(expect.arrayContaining(reached[index - 1] ?? []));
    expect([reached[0], reached.at(-1)]).toEqual([[], tenants]);
  });
});

describe('a local override', () => {
  const REASON = ['--reason', 'wrong totals'];
  const banyan = (...argv: readonly string[]) =>
    runBanyan(argv, { version: '0' } as CommandLineParts, {
      BANYAN_ADMIN_URL: house.adminUrl,
      BANYAN_ADMIN_TOKEN: ADMIN_TOKEN,
    });

  test('beats a flag server that says on, works while it is dead, and is taken back either way', async () => {
    server?.answer(GOOD);
    await until(async () => (await sideOf('acme')) === 'new', 'the flag to be on', 10_000);
    expect((await banyan('flip', 'ai', 'legacy', '--force-legacy', ...REASON)).code).toBe(0);
    expect([await sideOf('acme'), await reasonOf('acme')]).toEqual(['legacy', 'forced_legacy']);

    await server?.close();
    await until(() => flagStates().at(-1) === 'stale', 'the flags to be stale', 10_000);
    expect((await banyan('undo')).code).toBe(0);
    expect([await sideOf('acme'), await reasonOf('acme')]).toEqual(['new', 'flag_on']);
    expect((await banyan('flip', 'ai', 'legacy', '--force-legacy', ...REASON)).code).toBe(0);
    expect(await sideOf('acme')).toBe('legacy');

    const refused = await banyan('flip', 'ai', 'canary', '--tenant', 'acme', ...REASON);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringMatching(/change flag ai-engine there .* banyan flip ai legacy --force-legacy/),
    ]);
    expect((await banyan('flip', 'ai', '--release', ...REASON)).code).toBe(0);
    expect(await sideOf('acme')).toBe('new');
    server = await openFlagServer(GOOD, port);
  });
});

const orZero = (value: number) => (Number.isNaN(value) ? 0 : value);
const table = async () => (await (await house.admin('GET', '/api/routes')).json()) as { revision: string };
