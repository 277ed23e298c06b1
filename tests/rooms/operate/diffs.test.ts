import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DiffGroup, GroupId, RequestId } from '../../../src/vocabulary/index.ts';
import { type AdminHouse, openAdminHouse, TABLE, TOKEN } from './admin-house.ts';
import { ABSENT, differ, different, groupAt, notCompared, number, route, same, text } from './comparisons.ts';

const SHADOWED = TABLE.replace(/(- id: chat\.channels[\s\S]*?stage: )legacy/, '$1shadow');
const DAY_MS = 86_400_000;

let house: AdminHouse;
let topic: DiffGroup;
beforeAll(async () => {
  house = await openAdminHouse({ table: SHADOWED });
  await house.store.ledger.add([
    ...same('chat.channels', 995),
    ...Array.from({ length: 3 }, () => different('chat.channels')),
    ...notCompared('chat.channels', 'rows_behind', 2),
    ...same('ai.jobs', 400),
    different('old.route', { differences: [differ('header:vary', 'missing', text(6), ABSENT)] }),
  ]);
  topic = await groupAt(house.store.ledger, 'chat.channels', '/results/*/topic');
});
afterAll(() => house.close());

const triage = (id: string, body: object) => house.ask(`/api/diffs/${id}/triage`, { body });
const find = async (id: string, query = '') =>
  (await house.ask(`/api/diffs?route=${id}${query}`)).json.routes[0];

describe('GET /api/diffs', () => {
  test('tells each route that is in shadow or was compared, those that want work first', async () => {
    const { json } = await house.ask('/api/diffs');
    expect(
      json.routes.map((told: { route: string; stage: string; verdict: { kind: string } }) => [
        told.route,
        told.stage,
        told.verdict.kind,
      ]),
    ).toEqual([
      ['chat.channels', 'shadow', 'different'],
      ['old.route', null, 'different'],
      ['ai.jobs', 'legacy', 'clean'],
    ]);
    expect(json.revision).toBe(house.decide.pin().revision);
  });

  test('gives the counts behind the verdict, the reasons for not comparing, and the groups in words', async () => {
    const { verdict, groups } = await find('chat.channels');
    expect(verdict).toMatchObject({
      kind: 'different',
      compared: 998,
      same: 995,
      different: 3,
      not_compared: 2,
      reasons: { rows_behind: 2 },
    });
    expect(verdict.upper_bound_percent).toBeCloseTo(0.775, 3);
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({
      id: topic.id,
      story: 'The type of /results/*/topic in the body differs: string → null.',
      count: 3,
      counts: true,
      samples: 3,
      triage: { state: 'open', until: null },
    });
  });

  test('judges by the limit that is asked for', async () => {
    expect((await find('chat.channels', '&max_percent=1&min=900')).verdict.kind).toBe('clean');
    expect((await find('chat.channels', '&max_percent=0.2')).verdict.kind).toBe('different');
    expect((await find('ai.jobs', '&max_percent=1&min=1000')).verdict.kind).toBe('not_enough_data');
  });

  test('leaves out what was before the time asked about', async () => {
    const old = Date.now() - 3 * DAY_MS;
    await house.store.ledger.add(same('files.list', 7, old));
    const compared = async (since: string) => (await find('files.list', `&since=${since}`)).verdict.compared;
    expect([await compared('7d'), await compared('1h')]).toEqual([7, 0]);
    expect(await compared(new Date(old - 60_000).toISOString())).toBe(7);
  });

  test.each([
    [
      'a route that nobody knows',
      'route=chat.chanels',
      404,
      'route_unknown',
      'Did you mean "chat.channels"?',
    ],
    ['a route that is none', 'route=%3Cscript%3E', 404, 'route_unknown', 'knows a route'],
    ['a time that is none', 'since=yesterday', 400, 'body_invalid', 'expected a span such as 30m'],
    ['a time to come', 'since=2999-01-01', 400, 'body_invalid', 'past'],
    ['a limit beyond', 'max_percent=101', 400, 'body_invalid', 'max_percent'],
    ['an unknown member', 'rout=x', 400, 'body_invalid', 'did you mean "route"?'],
  ])('refuses %s', async (_what, query, status, code, words) => {
    const answer = await house.ask(`/api/diffs?${query}`);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.json.detail).toContain(words);
  });

  test('lists at most a hundred groups of a route, and says how many there are more', async () => {
    const entries = Array.from({ length: 103 }, (_, at) =>
      different('ai.complete', { differences: [differ(`/member_${at}`)] }),
    );
    await house.store.ledger.add(entries);
    const told = await find('ai.complete');
    expect([told.groups.length, told.more_groups]).toEqual([100, 3]);
  });
});

describe('GET /api/diffs/:id', () => {
  test('shows the newest samples by their shapes, and nothing that was sealed', async () => {
    const secret = Buffer.from('hunter2 in clear');
    await house.store.ledger.add([different('chat.channels', { sample: { sealed: secret } })]);
    const { status, json, text: raw } = await house.ask(`/api/diffs/${topic.id}?limit=2`);
    expect([status, json.id, json.unlock, json.kept_samples.length]).toEqual([200, topic.id, null, 2]);
    expect(json.kept_samples[0]).toMatchObject({
      tenant: 'acme',
      statuses: { legacy: 200, new: 200 },
      values: null,
    });
    expect(json.kept_samples[0].skeletons.legacy.body.results[1].topic).toMatchObject({
      type: 'string',
      length: 9,
    });
    for (const form of ['utf8', 'base64', 'hex'] as const) expect(raw).not.toContain(secret.toString(form));
    expect(raw).not.toContain('sealed');
  });

  test.each([
    ['one digit wrong', () => `${topic.id.slice(0, 11)}${topic.id.endsWith('0') ? '1' : '0'}`],
    ['its beginning only', () => topic.id.slice(0, 6)],
  ])('refuses an id with %s and names the nearest', async (_what, makeId) => {
    const answer = await house.ask(`/api/diffs/${makeId()}`);
    expect([answer.status, answer.json.code]).toEqual([404, 'group_unknown']);
    expect(answer.json.detail).toContain(`Did you mean "${topic.id}"?`);
  });

  test.each([
    ['a letter', 'x'],
    ['a NUL', '%00'],
    ['a way up', '..%2f..%2fetc'],
    ['a quote', "' OR 1=1"],
    ['a long one', 'a'.repeat(3_000)],
  ])('refuses an id that is none: %s', async (_what, id) => {
    const answer = await house.ask(`/api/diffs/${id}`);
    expect([answer.status, answer.json.code]).toEqual([404, 'group_unknown']);
    expect(answer.json.detail.length).toBeLessThan(250);
  });
});

describe('triage', () => {
  afterEach(() => triage(topic.id, { state: 'open', author: 'ada' }));

  test('accepts a group for a while: it counts no longer, and the log says who, why and until when', async () => {
    const until = new Date(Date.now() + 30 * DAY_MS).toISOString();
    const body = { state: 'accepted', author: 'ada', owner: 'grace', reason: 'nulls are fine', until };
    const { status, json } = await triage(topic.id, body);
    expect([status, json.counts]).toEqual([200, false]);
    expect(json.triage).toMatchObject({ state: 'accepted', owner: 'grace', reason: 'nulls are fine', until });
    expect((await find('chat.channels')).verdict).toMatchObject({ kind: 'clean', different: 0, accepted: 4 });
    const { audit } = (await house.ask('/api/diffs/audit?limit=1')).json;
    expect(audit[0]).toMatchObject({ author: 'ada', group: topic.id, reason: 'nulls are fine' });
    expect(audit[0].change).toContain('accepted until');
  });

  test('calls it a bug, which counts, or noise, which does not', async () => {
    const bug = await triage(topic.id, { state: 'bug', author: 'ada', reason: 'a join is missing' });
    expect([bug.json.triage.state, bug.json.triage.owner, bug.json.counts]).toEqual(['bug', 'ada', true]);
    const noise = await triage(topic.id, { state: 'noise', author: 'ada' });
    expect([noise.json.triage.state, noise.json.triage.learned, noise.json.counts]).toEqual([
      'noise',
      'by_hand',
      false,
    ]);
  });

  test.each([
    ['no reason', { until: 30 }, 'reason'],
    ['no end', { reason: 'because' }, 'until'],
    ['an end in the past', { reason: 'because', until: -1 }, 'lies in the past'],
    ['an end too far ahead', { reason: 'because', until: 181 }, 'more than 180 days'],
  ])(
    'accepts nothing with %s',
    async (_what, { until, ...body }: { until?: number; reason?: string }, words) => {
      const end = until === undefined ? {} : { until: new Date(Date.now() + until * DAY_MS).toISOString() };
      const answer = await triage(topic.id, { state: 'accepted', author: 'ada', ...body, ...end });
      expect([answer.status, answer.json.code]).toEqual([400, 'body_invalid']);
      expect(answer.json.detail).toContain(words);
      expect((await find('chat.channels')).groups[0].triage.state).toBe('open');
    },
  );

  test('takes an end of what is accepted only, an author always, and no unknown state', async () => {
    const until = new Date(Date.now() + DAY_MS).toISOString();
    const answers = await Promise.all([
      triage(topic.id, { state: 'bug', author: 'ada', until }),
      triage(topic.id, { state: 'noise' }),
      triage(topic.id, { state: 'wontfix', author: 'ada' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
  });
});

describe('whoever watches', () => {
  test('is told at once that a group was judged, and once of many verdicts', async () => {
    const watch = await openWatch();
    await triage(topic.id, { state: 'open', author: 'ada' });
    await watch.until(/event: diffs_changed/);
    for (let at = 0; at < 50; at += 1)
      house.emit({
        type: 'mirror_verdict',
        routeId: route('ai.jobs'),
        requestId: 'request-1' as RequestId,
        verdict: 'same',
        reason: undefined,
        paths: [],
      });
    house.emit({ type: 'rehearsals_changed', state: 'down', detail: 'in the test' });
    await watch.until(/event: rehearsals_changed/);
    await watch.until(/event: diffs_changed[\s\S]*event: diffs_changed/);
    watch.close();
    expect(watch.seen().match(/event: diffs_changed/g)).toHaveLength(2);
  });

  async function openWatch() {
    const stop = new AbortController();
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { body } = await fetch(`${house.url}/api/events`, { headers, signal: stop.signal });
    const reader = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let seen = '';
    const until = async (pattern: RegExp) => {
      while (!pattern.test(seen)) seen += (await reader.read()).value ?? '';
    };
    await until(/retry/);
    return { until, seen: () => seen, close: () => stop.abort() };
  }
});

describe('clear values', () => {
  beforeEach(() => {
    house.replays.values = [{ path: '/results/*/topic', legacy: 'a topic in clear', new: 'null' }];
  });
  const reveal = () => house.ask(`/api/diffs/${topic.id}?reveal=true&limit=2`);
  const unlock = (body: object) => house.ask(`/api/diffs/${topic.id}/unlock`, { body });
  const listChanges = async () =>
    (await house.ask('/api/diffs/audit?limit=500')).json.audit
      .filter(({ change }: { change: string }) => /unlocked|looked/.test(change))
      .map(({ author, change, reason }: Record<string, string>) => [author, change, reason]);

  test('are refused without an unlock, and the refusal shows none', async () => {
    const answer = await reveal();
    expect([answer.status, answer.json.code]).toEqual([403, 'values_locked']);
    expect(answer.text).not.toContain('in clear');
    expect(await listChanges()).toEqual([]);
  });

  test('are refused once an unlock is over', async () => {
    await house.store.ledger.unlock({
      group: topic.id,
      author: 'ada',
      reason: 'was needed then',
      untilMs: Date.now() - 1_000,
    });
    expect((await reveal()).status).toBe(403);
  });

  test('are shown while an unlock is in force, each look in the audit log, and of no other group', async () => {
    const unlocked = await unlock({ author: 'ada', reason: 'which time zone?', minutes: 5 });
    expect(unlocked.status).toBe(201);
    const leftMs = Date.parse(unlocked.json.until) - Date.now();
    expect(leftMs).toBeGreaterThan(4 * 60_000);
    expect(leftMs).toBeLessThanOrEqual(5 * 60_000);
    const shown = await reveal();
    expect(shown.json.kept_samples[0].values).toEqual([
      { path: '/results/*/topic', legacy: 'a topic in clear', new: 'null' },
    ]);
    await reveal();
    const other = await groupAt(house.store.ledger, 'old.route', 'header:vary');
    expect((await house.ask(`/api/diffs/${other.id}?reveal=true`)).status).toBe(403);
    expect((await house.ask(`/api/diffs/${topic.id}`)).text).not.toContain('in clear');
    const looks = (await listChanges()).filter(([, change]: string[]) => change?.startsWith('looked'));
    expect(looks).toEqual([
      ['ada', 'looked at the values of 2 samples', 'which time zone?'],
      ['ada', 'looked at the values of 2 samples', 'which time zone?'],
    ]);
  });

  test.each([
    ['without a reason', { author: 'ada', minutes: 5 }],
    ['without a name', { reason: 'because', minutes: 5 }],
    ['for no time', { author: 'ada', reason: 'because', minutes: 0 }],
    ['for more than an hour', { author: 'ada', reason: 'because', minutes: 61 }],
  ])('are not unlocked %s', async (_what, body) => {
    expect((await unlock(body)).status).toBe(400);
  });
});

describe('POST /api/replays', () => {
  beforeEach(() => {
    house.replays.asked.length = 0;
  });
  const replay = (body: object) => house.ask('/api/replays', { body });

  test('runs the samples of a group, of a route, or one, and says what became of each', async () => {
    house.replays.answer = ({ id, route: of }) => ({
      sample: id,
      route: of,
      verdict: 'different',
      differences: [differ('/count', 'value', number(1), number(2))],
    });
    const { status, json } = await replay({ group: topic.id, limit: 2 });
    expect([status, json.results.length]).toEqual([200, 2]);
    expect(json.results[0]).toMatchObject({
      verdict: 'different',
      reason: null,
      story: 'still differs: /count',
    });
    house.replays.answer = ({ id, route: of }) => ({
      sample: id,
      route: of,
      verdict: 'not_compared',
      reason: 'holds_a_secret',
    });
    const one = await replay({ sample: json.results[1].sample });
    expect(one.json.results).toEqual([
      expect.objectContaining({
        sample: json.results[1].sample,
        verdict: 'not_compared',
        story: 'cannot be run again: it holds a secret, which is not kept',
      }),
    ]);
    expect((await replay({ route: 'old.route' })).json.results).toHaveLength(1);
    expect(house.replays.asked.map((sample) => sample.route)).toEqual([
      'chat.channels',
      'chat.channels',
      'chat.channels',
      'old.route',
    ]);
  });

  test.each([
    ['nothing', {}, 400, 'body_invalid'],
    ['two at once', { route: 'ai.jobs', group: '0123456789ab' }, 400, 'body_invalid'],
    ['too many', { route: 'ai.jobs', limit: 51 }, 400, 'body_invalid'],
    ['a group that is not there', { group: '0123456789ab' }, 404, 'group_unknown'],
    ['a route that is not there', { route: 'ai.jobz' }, 404, 'route_unknown'],
    ['a sample that is not there', { sample: 'ffffffffffffffff' }, 404, 'sample_unknown'],
    ['a sample that cannot be', { sample: "'; DROP TABLE x" }, 404, 'sample_unknown'],
  ])('refuses %s', async (_what, body, status, code) => {
    const answer = await replay(body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });
});

test('while the store is away each door says so in its usual words', async () => {
  const away = await openAdminHouse({ table: SHADOWED });
  await away.store.close();
  const id = '0123456789ab' as GroupId;
  const asked = [
    await away.ask('/api/diffs'),
    await away.ask(`/api/diffs/${id}`),
    await away.ask(`/api/diffs/${id}/triage`, { body: { state: 'bug', author: 'ada' } }),
    await away.ask('/api/replays', { body: { route: 'chat.channels' } }),
    await away.ask('/api/diffs/report.html'),
    await away.ask('/api/diffs/export'),
  ];
  expect(asked.map(({ status, json }) => [status, json?.code])).toEqual(
    asked.map(() => [503, 'store_unavailable']),
  );
  expect(away.events.filter(({ type }) => type === 'bug')).toEqual([]);
  // What is closed already is closed again by the house.
  await away.close().catch(() => undefined);
});

test('a route in shadow of which nothing is known is told all the same', async () => {
  const quiet = await openAdminHouse({ table: SHADOWED });
  const { routes } = (await quiet.ask('/api/diffs')).json;
  await quiet.close();
  expect(routes).toEqual([
    expect.objectContaining({
      route: route('chat.channels'),
      verdict: expect.objectContaining({ kind: 'not_enough_data', compared: 0, first: null }),
    }),
  ]);
});
