// Rows 54 to 56, 58 and 60: what a small request, a table or a key may cost the processor and the memory.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readTable } from '../../src/decide/index.ts';
import { createBreakerBoard } from '../../src/defend/breaker-board.ts';
import { type FeatureName, isFailure } from '../../src/vocabulary/index.ts';
import { type Monolith, openMonolith } from '../fidelity/monolith.ts';
import { arriveAt, openRoom, tenant, user, withHeaders } from '../rooms/admit/support.ts';
import { answer, compareAnswers } from '../rooms/mirror/compare-answers.ts';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { listIdentity } from '../support/identity.ts';
import { sign } from './issuer.ts';

let monolith: Monolith;
let house: TestHouse;
beforeAll(async () => {
  monolith = await openMonolith();
  // acme is with the new side.
  house = await startHouse({ tenants: 3, legacyUrl: monolith.url, table: tableAt('canary', ['acme']) });
});
afterAll(async () => {
  await monolith.close();
  await house.close();
});

/** Time of the processor in ms, so that a busy machine does not count. */
async function costOf(act: () => unknown): Promise<number> {
  const begun = process.cpuUsage();
  await act();
  const { user: own, system } = process.cpuUsage(begun);
  return (own + system) / 1_000;
}

/** The least of three: the first compiles what it needs, and any may meet a collection of what other tests have left behind. */
async function leastCostOf(act: () => unknown): Promise<number> {
  const costsMs: number[] = [];
  for (let i = 0; i < 3; i += 1) costsMs.push(await costOf(act));
  return Math.min(...costsMs);
}

const post = (body: string) =>
  house.call('acme', 'POST', '/api/chat/channels/1/messages/', {
    headers: { 'content-type': 'application/json' },
    body,
  });

describe('what is parsed', () => {
  const nest = (levels: number, inner = '1') => '{"a":'.repeat(levels) + inner + '}'.repeat(levels);

  test('row-054-deep: the new side reads JSON of 64 levels and no more, however many come', async () => {
    expect((await post(`{"body":"x","metadata":${nest(63)}}`)).status).toBe(201);
    for (const deep of [nest(65), '['.repeat(500_000), `${'[['.repeat(200_000)}`]) {
      const costMs = await leastCostOf(async () => {
        const refused = await post(deep);
        const told = { detail: 'JSON parse error - Too deeply nested' };
        expect([refused.status, await refused.json()]).toEqual([400, told]);
      });
      expect(costMs).toBeLessThan(500);
    }
  });

  test('row-054-prototype: keys that are names of JavaScript’s own are keys like any other', async () => {
    const hostile = '{"body":"x","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const made = await post(hostile);
    expect([made.status, ((await made.json()) as { body: string }).body]).toEqual([201, 'x']);
    const metadata = '{"__proto__":{"polluted":1},"hasOwnProperty":2,"toString":null}';
    const kept = await post(`{"body":"y","metadata":${metadata}}`);
    expect(await kept.text()).toContain('"__proto__":{"polluted":1}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('row-054-query: five thousand parameters of a query cost next to nothing, and reach legacy as they are', async () => {
    const query = Array.from({ length: 5_000 }, (_, at) => (at % 2 ? 'a' : '%41')).join('&');
    for (const caller of ['acme', 'globex']) {
      const costMs = await leastCostOf(async () => {
        const { status } = await house.call(caller, 'GET', `/api/chat/channels/1/messages/?${query}`);
        expect(status).toBe(200);
      });
      expect(costMs).toBeLessThan(500);
    }
    expect(monolith.asked.at(-1)?.target ?? '').toBe(`/api/chat/channels/1/messages/?${query}`);
  });

  test('row-054-mirror: a comparison of hostile bodies ends, and touches no prototype', async () => {
    const deep = answer({ body: nest(200_000) });
    const wide = answer({ body: `[${'1,'.repeat(300_000)}1]` });
    const costMs = await leastCostOf(() => {
      expect(compareAnswers(deep, answer({ body: nest(200_000, '2') })).kind).toBe('not_compared');
      expect(compareAnswers(wide, answer({ body: '[]' })).kind).toBe('not_compared');
      const legacy = answer({ body: '{"__proto__":{"polluted":1}}' });
      expect(compareAnswers(legacy, answer({ body: '{"__proto__":{"polluted":2}}' })).kind).toBe('different');
    });
    expect(costMs).toBeLessThan(2_000);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('what is matched', () => {
  test('row-055-patterns: a path of the table is no regular expression, and is refused if it looks like one', () => {
    for (const path of ['/a/(.*)+/', '/a/:id(\\d+)/', '/a/*', '/a/[ab]/', '/a/:id?/', '/a/{b}/', '/^a$/']) {
      const text = `version: 1\nroutes:\n  - { id: x, match: { method: GET, path: '${path}' } }\n`;
      expect([path, readTable(text).kind]).toEqual([path, 'mistakes']);
    }
    const mirror = `version: 1\ndefaults: { mirror: { ignore: ['/a/(b+)+$'] } }\nroutes: []\n`;
    expect(readTable(mirror).kind).toBe('table');
  });

  test('row-055-long: the longest path there may be is matched at once', async () => {
    const paths = ['/api/ai/jobs/', '/ws/chat/', '/'].flatMap((start) => [
      `${start}${'a'.repeat(16_000 - start.length)}`,
      `${start}${'a/'.repeat(7_900)}`,
      `${start}${'%C3%A4'.repeat(2_600)}`,
    ]);
    const costMs = await leastCostOf(async () => {
      for (const path of paths) expect((await house.call('globex', 'GET', path)).status).toBe(200);
    });
    expect(costMs / paths.length).toBeLessThan(100);
  });

  test('row-055-libraries: no version of path-to-regexp that backtracks is installed', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    const versions = Object.entries(packages)
      .filter(([name]) => name.endsWith('node_modules/path-to-regexp'))
      .map(([, { version }]) => version.split('.').map(Number));
    expect(versions.length).toBeGreaterThan(0);
    for (const [major = 0, minor = 0] of versions) expect(major * 100 + minor).toBeGreaterThanOrEqual(804);
  });
});

describe('what is measured', () => {
  const readMetrics = async () => (await fetch(`${house.adminUrl}/metrics`)).text();
  const listSeries = (text: string) =>
    text
      .split('\n')
      .filter((line) => /^banyan_(?!nodejs_|process_)/.test(line))
      .map((line) => line.slice(0, line.lastIndexOf(' ')));

  test('row-056-labels: hundreds of paths, methods and tenants that nobody knows make no new series, and none of them is named', async () => {
    const ask = async (name: string) => {
      await (await house.call('globex', 'GET', `/${name}/?q=${name}`)).text();
      await (await house.call('', 'GET', `/api/ai/jobs/${name}/`, { key: `byn_demo_${name}` })).text();
      await (await house.call('', 'BREW', `/${name}`, { key: '' }).catch(() => new Response())).text();
    };
    for (const name of ['first-0', 'first-1']) await ask(name);
    const before = listSeries(await readMetrics());
    for (let at = 0; at < 140; at += 7)
      await Promise.all(Array.from({ length: 7 }, (_, more) => ask(`second-${at + more}`)));
    const text = await readMetrics();
    expect(listSeries(text)).toEqual(before);
    expect(text).not.toMatch(/second-|globex|acme/);
  });

  test('row-056-scrape: costs little, whatever was asked', async () => {
    expect(await leastCostOf(readMetrics)).toBeLessThan(200);
  });
});

describe('what is signed and verified', () => {
  const CLAIMS = { iss: 'https://id.example', aud: 'workspace', sub: '7', tenant: 'acme', scope: 'read' };
  const ROUNDS = 200;

  test('row-058-sign: a tag for each request costs a fraction of a millisecond', async () => {
    const { admit } = openRoom();
    const arrival = arriveAt(admit, { url: '/api/ai/jobs/' });
    const caller = {
      kind: 'known',
      tenant: tenant('acme'),
      user: user(7),
      scopes: ['read'],
      by: 'api_key',
      credentialId: 'x',
    } as const;
    for (let count = 0; count < ROUNDS; count += 1) listIdentity(admit.identity(arrival, caller, 'legacy'));
    const costMs = await leastCostOf(() => {
      for (let count = 0; count < ROUNDS; count += 1) listIdentity(admit.identity(arrival, caller, 'new'));
    });
    admit.close();
    expect(costMs / ROUNDS).toBeLessThan(0.5);
  });

  test('row-058-verify: a token is verified by a key that is read once, and not again while it is known', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const { iss, aud } = CLAIMS;
    const trust = { kind: 'public_key', pem } as const;
    const { admit } = openRoom({
      jwt: { issuer: iss, audience: aud, algorithms: ['ES256'], trust },
    });
    const nowS = Math.floor(Date.now() / 1_000);
    const arrivals = Array.from({ length: ROUNDS }, (_, at) => {
      const claims = { ...CLAIMS, jti: `token-${at}`, iat: nowS, exp: nowS + 600 };
      const token = sign({}, claims, privateKey);
      return arriveAt(admit, { headers: withHeaders('Authorization', `Bearer ${token}`) });
    });
    const kinds = new Set<string>();
    const check = async () => {
      for (const arrival of arrivals) {
        const caller = await admit.identify(arrival, 'required');
        kinds.add(isFailure(caller) ? caller.code : caller.kind);
      }
    };
    const freshMs = (await costOf(check)) / ROUNDS;
    const knownMs = (await costOf(check)) / ROUNDS;
    admit.close();
    expect([...kinds]).toEqual(['known']);
    expect(freshMs).toBeLessThan(2);
    expect(knownMs).toBeLessThan(freshMs / 2);
  });
});

describe('what is kept', () => {
  const SETTINGS = { failedShare: 0.5, lastAnswers: 20, fewestAnswers: 5, restMs: 1_000 };
  const nameMany = (count: number, word = 'f') =>
    Array.from({ length: count }, (_, at) => `${word}-${at}` as FeatureName);

  test('row-060-many: eight thousand breakers take a few megabytes and no timer, and are gone with their features', () => {
    const timers = [jest.spyOn(globalThis, 'setTimeout'), jest.spyOn(globalThis, 'setInterval')];
    const board = createBreakerBoard({ legacy: SETTINGS, new: SETTINGS }, () => undefined);
    const before = process.memoryUsage().heapUsed;
    board.keepOnly(nameMany(4_000));
    for (const name of nameMany(4_000)) board.find(name, 'legacy').admit()?.ended('ok');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 1024 * 1024);
    expect(board.views()).toHaveLength(2 * 4_001);
    expect(timers.flatMap((timer) => timer.mock.calls)).toEqual([]);
    for (const timer of timers) timer.mockRestore();
    board.keepOnly([]);
    expect(board.views()).toHaveLength(2);
  });

  test('row-060-tables: tables that come and go leave no breaker behind', async () => {
    const good = readFileSync(house.tableFile, 'utf8');
    const list = async () =>
      ((await (await house.admin('GET', '/api/breakers')).json()) as { breakers: { feature: string }[] })
        .breakers;
    const before = await list();
    for (const word of ['one', 'two', 'three']) {
      const names = nameMany(300, word).map((name) => `  ${name}: {}\n`);
      await house.useTable(good.replace('\nfeatures:\n', `\nfeatures:\n${names.join('')}`));
      expect((await list()).filter(({ feature }) => feature.startsWith(word))).toHaveLength(600);
      expect(await list()).toHaveLength(before.length + 600);
    }
    await house.useTable(good);
    expect(await list()).toEqual(before);
  });
});
