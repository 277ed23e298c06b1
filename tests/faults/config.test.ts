import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../src/settings.ts';
import { ADMIN_TOKEN, DEMO_TABLE, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';
import { send } from '../support/send.ts';

let house: TestHouse;
beforeAll(async () => {
  // Slow enough that a flip finds an answer half said.
  house = await startHouse({ legacy: { tokenMs: 30 } });
}, 60_000);
afterEach(() => house.useTable(DEMO_TABLE));
afterAll(() => house.close());

const PATH = '/api/ai/jobs/';
const events = <Event extends object>(type: string) =>
  house.log
    .filter((line) => line.includes(`"event":"${type}"`))
    .map((line) => JSON.parse(line) as Event & { time: string });
const call = async (path = PATH, tenant = 'acme') => {
  const answer = await house.call(tenant, 'GET', path);
  await answer.arrayBuffer();
  return [answer.status, answer.headers.get('x-served-by')];
};
const revision = async () =>
  ((await (await house.admin('GET', '/api/routes')).json()) as { revision: string }).revision;

describe('a flip in mid-request', () => {
  const ask = { headers: { 'content-type': 'application/json' }, body: '{"prompt":"tell me","stream":true}' };

  test.each([
    ['legacy', tableAt('new'), 'new'],
    ['new', DEMO_TABLE, 'legacy'],
  ] as const)(
    'row-086-flip-in-flight: an answer that %s has begun is ended by it, and the next request goes where the flip says',
    async (side, after, next) => {
      await house.useTable(side === 'legacy' ? DEMO_TABLE : tableAt('new'));
      const answer = await house.call('acme', 'POST', '/api/ai/completions/', ask);
      const reader = answer.body?.getReader();
      const first = await reader?.read();
      await house.useTable(after);
      const later = await house.call('acme', 'POST', '/api/ai/completions/', ask);
      let text = Buffer.from(first?.value ?? []).toString();
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read())
        text += Buffer.from(part.value).toString();
      expect([answer.headers.get('x-served-by'), later.headers.get('x-served-by')]).toEqual([side, next]);
      expect(text).toContain('[DONE]');
      expect(await later.text()).toContain('[DONE]');
    },
  );
});

const DEEP = Array.from({ length: 1_000 }, (_, level) => `${' '.repeat(level)}a:`).join('\n');
const BOMB = `a: &a [x]\n${[...'bcdefghi'].map((name, at) => `${name}: &${name} [${`*${'abcdefgh'[at]},`.repeat(9)}]`).join('\n')}\n`;

describe('a bad table', () => {
  const serves = async (seen: string) => {
    expect(await revision()).toBe(seen);
    expect(await call()).toEqual([200, 'legacy']);
  };

  test.each<[what: string, text: string | Buffer, mistake: RegExp]>([
    ['a bomb of aliases', `version: 1\nroutes: []\n${BOMB}`, /:3:7: expected no anchor, found &a/],
    ['deep nesting', DEEP, /:\d+:\d+: expected at most 32 levels/],
    ['20,000 brackets', `version: ${'['.repeat(20_000)}`, /:1:\d+: expected at most 32 levels/],
    ['a key twice', `${DEMO_TABLE}version: 1\n`, /:\d+:1: expected each key once, found "version" again/],
    ['a key of prototypes', `${DEMO_TABLE}__proto__: { routes: [] }\n`, /:\d+:1: .*found "__proto__"/],
    ['a tag', 'version: !!js/function 1\nroutes: []\n', /:1:\d+: expected no tag/],
    ['a cut file', DEMO_TABLE.slice(0, DEMO_TABLE.indexOf('handle: login/me') + 3), /:\d+:\d+: /],
    ['no file to speak of', '', /:1:1: expected a mapping, found nothing/],
    ['a tab', DEMO_TABLE.replace('  - id: auth.login', '\t- id: auth.login'), /:\d+:\d+: expected spaces/],
    ['bytes that are no text', Buffer.from([0x76, 0xff, 0xfe, 0x00, 0x0a]), /:1:1: expected plain text/],
    ['a megabyte and more', `# ${'x'.repeat(1_048_576)}`, /:1:1: expected at most 1 MiB/],
  ])(
    'row-087-bad-yaml: %s is refused within a second with file and line, and the last good table serves on',
    async (_what, text, mistake) => {
      const seen = await revision();
      const known = events('table_refused').length;
      const beganMs = performance.now();
      writeFileSync(house.tableFile, text);
      await until(() => events('table_refused').length > known, 'the refusal');
      expect(performance.now() - beganMs).toBeLessThan(1_500);
      const mistakes = events<{ mistakes: string[] }>('table_refused').at(-1)?.mistakes ?? [];
      const places = mistakes.map((each) => each.slice(house.tableFile.length));
      expect(places.join('\n')).toMatch(mistake);
      await serves(seen);
    },
  );

  test('row-088-nonsense: negative, infinite and overfull values, and words for truth, are all refused at once and nothing is bent', async () => {
    const seen = await revision();
    const text = DEMO_TABLE.replace('expose_side: true', 'expose_side: "no"')
      .replace('timeout_ms: 30000', 'timeout_ms: -1')
      .replace('login-new: { percent: 0', 'login-new: { percent: 140 %')
      .replace('ai-engine: { percent: 0', 'ai-engine: { percent: 140')
      .replace('chat-new: { percent: 0', 'chat-new: { percent: "5"')
      .replace('timeout_ms: 120000', 'timeout_ms: .inf');
    const answer = await refuse(text);
    expect(answer.map((mistake) => mistake.replace(/^.*:\d+:\d+: /, ''))).toEqual([
      'expected true or false, found "no"',
      'expected a whole number of milliseconds from 1 to 600000, found -1',
      'expected a percentage from 0 to 100 in steps of 0.01, found "140 %"',
      'expected a percentage from 0 to 100 in steps of 0.01, found 140',
      'expected a percentage from 0 to 100 in steps of 0.01, found "5"',
      'expected a whole number of milliseconds from 1 to 600000, found Infinity',
    ]);
    await serves(seen);
  });

  test('row-088-nonsense-in-settings: numbers with a sign, a unit or no end are refused, all together', () => {
    const read = readSettings({
      PORT: '-1',
      SHUTDOWN_GRACE_MS: '5s',
      MAX_BODY_BYTES: 'Infinity',
      UNLEASH_REFRESH_MS: '0',
    });
    expect(read.kind === 'mistakes' && read.mistakes.map((mistake) => mistake.split(' ')[0])).toEqual([
      'PORT',
      'UNLEASH_REFRESH_MS',
      'MAX_BODY_BYTES',
      'SHUTDOWN_GRACE_MS',
    ]);
  });

  const refuse = async (text: string) => {
    const known = events('table_refused').length;
    house.writeTable(text);
    await until(() => events('table_refused').length > known, 'the refusal');
    return events<{ mistakes: string[] }>('table_refused').at(-1)?.mistakes ?? [];
  };
});

test('row-089-half-written-file: what a slow writer has written so far is never in force, and the whole is as soon as it is there', async () => {
  const swaps = events('table_swapped').length;
  const text = tableAt('new');
  // In place, as no editor does. Each piece is a good table with too few routes, and followed by the next before anybody could believe it.
  for (let round = 0; round < 3; round += 1)
    for (const { index } of text.matchAll(/^ {2}- id: /gm)) {
      writeFileSync(house.tableFile, text.slice(0, index));
      await wait(8);
    }
  // A halt in the middle of a word outlasts any settling.
  writeFileSync(house.tableFile, text.slice(0, text.indexOf('handle: chat/messages') + 6));
  await wait(500);
  expect(await call()).toEqual([200, 'legacy']);
  expect(events('table_swapped').length).toBe(swaps);
  writeFileSync(house.tableFile, text);
  await until(async () => (await call())[1] === 'new', 'the whole table', 1_500);
  expect(events('table_swapped').length).toBe(swaps + 1);
});

describe('a reload storm', () => {
  const change = (timeoutMs: number) =>
    house.writeTable(DEMO_TABLE.replace('timeout_ms: 30000', `timeout_ms: ${timeoutMs}`));
  const isInForce = async (timeoutMs: number) => {
    const answer = await house.admin('POST', '/api/explain', { method: 'GET', path: PATH });
    return ((await answer.json()) as { timeout_ms: number }).timeout_ms === timeoutMs;
  };

  test('row-090-reload-storm: a thousand changes cause a few reloads, the last one wins within a second, and nothing is left behind', async () => {
    const swaps = events('table_swapped').length;
    const handles = process.getActiveResourcesInfo().length;
    for (let timeoutMs = 30_001; timeoutMs <= 31_000; timeoutMs += 1) {
      change(timeoutMs);
      if (timeoutMs % 10 === 0) await wait(1);
    }
    await until(() => isInForce(31_000), 'the last change', 1_500);
    expect(events('table_swapped').length - swaps).toBeLessThan(8);
    await wait(300);
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(handles + 10);
  });

  test('row-090-steady-changes: changes that each could settle are taken four times a second at most, as a good table is in force within one', async () => {
    const swaps = events('table_swapped').length;
    const beganMs = performance.now();
    for (let timeoutMs = 40_001; timeoutMs <= 40_040; timeoutMs += 1) {
      change(timeoutMs);
      await wait(50);
    }
    await until(() => isInForce(40_040), 'the last change', 1_500);
    const tookMs = performance.now() - beganMs;
    expect(events('table_swapped').length - swaps).toBeLessThanOrEqual(tookMs / 250 + 1);
  });
});

describe('who may change the table', () => {
  const flip = (headers: Record<string, string>, body: unknown = {}) =>
    fetch(`${house.adminUrl}/api/flips`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({
        subject: 'ai',
        stage: 'canary',
        author: 'mallory',
        reason: 'why not',
        ...(body as object),
      }),
    });
  const standing = async () => {
    const answer = await house.admin('GET', '/api/flips?limit=500');
    return ((await answer.json()) as { flips: readonly { author: string }[] }).flips;
  };
  const bearer = { authorization: `Bearer ${ADMIN_TOKEN}` };

  test('row-092-no-rights: without the token, with another, with a caller’s key or by the gateway’s door, nothing is flipped', async () => {
    const refused = await Promise.all([
      flip({}),
      flip({ authorization: 'Bearer admin-token-of-nobody' }),
      flip({ authorization: 'Bearer byn_demo_acme' }),
      flip({ cookie: `token=${ADMIN_TOKEN}` }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    // The gateway's door has no such path of its own: legacy is asked, which knows none.
    const atGateway = (headers: Record<string, string>) =>
      send(house.gatewayPort, {
        method: 'POST',
        path: '/api/flips',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      });
    const [asCaller, asNobody] = [await atGateway(bearer), await atGateway({})];
    expect([asCaller.status, asCaller.headers['x-served-by']]).toEqual([401, undefined]);
    expect([asNobody.status, asNobody.headers['x-served-by']]).toEqual([404, 'legacy']);
    expect(await standing()).toEqual([]);
    expect(readFileSync(house.tableFile, 'utf8')).toBe(DEMO_TABLE);
  });

  test('row-092-csrf: a page of somebody else’s can neither send what a form can send nor read an answer', async () => {
    const form = await fetch(`${house.adminUrl}/api/flips`, {
      method: 'POST',
      headers: { ...bearer, 'content-type': 'text/plain', origin: 'https://evil.example' },
      body: JSON.stringify({ subject: 'ai', stage: 'canary', author: 'mallory', reason: 'form' }),
    });
    expect(form.status).toBe(415);
    const preflight = await fetch(`${house.adminUrl}/api/flips`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://evil.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    const pointed = await send(Number(new URL(house.adminUrl).port), {
      host: 'evil.example',
      path: '/api/routes',
      headers: bearer,
    });
    expect(pointed.status).toBe(421);
    expect(await standing()).toEqual([]);
  });

  test('row-092-stale-edit: a flip of a table that is no longer the one that was seen is refused, and each that is made has its line', async () => {
    const seen = await revision();
    const first = await flip({ ...bearer, 'if-match': `"${seen}"` }, { author: 'ada' });
    const second = await flip({ ...bearer, 'if-match': `"${seen}"` }, { author: 'grace', stage: 'shadow' });
    expect([first.status, second.status]).toEqual([201, 412]);
    expect((await standing()).map(({ author }) => author)).toEqual(['ada']);
    expect(await revision()).not.toBe(seen);
    expect((await call())[0]).toBe(200);
  });
});
