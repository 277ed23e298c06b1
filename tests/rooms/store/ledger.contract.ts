import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type {
  Difference,
  DifferenceKind,
  DiffGroup,
  DiffLedger,
  GroupId,
  LedgerEntry,
  NotComparedReason,
  RequestId,
  RouteId,
  RouteTally,
  TenantName,
} from '../../../src/vocabulary/index.ts';

/** Two instances with one ledger between them. */
export type Ledgers = Readonly<{ one: DiffLedger; two: DiffLedger; close(): Promise<void> }>;

let requests = 0;
let routes = 0;
/** Each test has a route of its own, and so a ledger of its own. */
export const newRoute = (): RouteId => `route-${++routes}.try` as RouteId;

export function differ(
  path: string,
  kind: DifferenceKind = 'value',
  types: readonly [Difference['legacy']['type'], Difference['new']['type']] = ['string', 'string'],
): Difference {
  const [legacy, fresh] = types;
  return {
    path,
    kind,
    legacy: { type: legacy, length: 3, hash: '0123456789abcdef' },
    new: { type: fresh, length: 4, hash: 'fedcba9876543210' },
  };
}

export function same(route: RouteId, atMs = Date.now()): LedgerEntry {
  return { route, atMs, verdict: 'same' };
}

export function notCompared(route: RouteId, reason: NotComparedReason, atMs = Date.now()): LedgerEntry {
  return { route, atMs, verdict: 'not_compared', reason };
}

export function different(
  route: RouteId,
  differences: readonly (Difference | string)[],
  more: Readonly<{ atMs?: number; noisy?: readonly string[]; sealed?: Uint8Array; path?: string }> = {},
): Extract<LedgerEntry, { verdict: 'different' }> {
  const all = differences.map((each) => (typeof each === 'string' ? differ(each) : each));
  return {
    route,
    atMs: more.atMs ?? Date.now(),
    verdict: 'different',
    differences: all,
    noisy: more.noisy ?? [],
    sample: {
      requestId: `request-${++requests}` as RequestId,
      tenant: 'acme' as TenantName,
      method: 'GET',
      path: more.path ?? '/api/ai/jobs/{id}/',
      statuses: { legacy: 200, new: 200 },
      skeletons: { legacy: '{"type":"object"}', new: '[{"type":"null"}]' },
      differences: all,
      effects: ['ai_asked'],
      sealed: more.sealed,
      replay: 'possible',
    },
  };
}

const WISH = { author: 'ada', owner: 'grace', reason: 'as agreed' } as const;
const DAY_MS = 86_400_000;
const repeat = <T>(times: number, make: (nr: number) => T): T[] =>
  Array.from({ length: times }, (_, nr) => make(nr));

/** What every ledger does. `open` gives one with nothing in it. */
export function describeLedger(name: string, open: () => Promise<Ledgers>): void {
  describe(name, () => {
    let ledgers: Ledgers;
    let ledger: DiffLedger;
    beforeAll(async () => {
      ledgers = await open();
      ledger = ledgers.one;
    });
    afterAll(() => ledgers.close());

    const tallyOf = async (route: RouteId, sinceMs = 0): Promise<RouteTally | undefined> =>
      (await ledger.tally({ sinceMs, route }))[0];
    const groupsOf = (route: RouteId, sinceMs = 0): Promise<readonly DiffGroup[]> =>
      ledger.listGroups({ sinceMs, route });
    const groupAt = async (route: RouteId, path: string): Promise<DiffGroup> => {
      const group = (await groupsOf(route)).find((each) => each.path === path);
      if (!group) throw new Error(`No group at ${path}.`);
      return group;
    };

    describe('counting', () => {
      test('adds up what was same, different and not compared, with reasons and times', async () => {
        const route = newRoute();
        const atMs = Date.now() - 10_000;
        await ledger.add([
          same(route, atMs),
          same(route, atMs + 1),
          different(route, ['/id'], { atMs: atMs + 2 }),
          notCompared(route, 'rows_in_motion', atMs + 3),
        ]);
        await ledger.add([same(route, atMs + 5), notCompared(route, 'body_too_large', atMs + 4)]);
        expect(await tallyOf(route)).toEqual({
          route,
          same: 3,
          different: 1,
          accepted: 0,
          noise: 0,
          notCompared: { rows_in_motion: 1, body_too_large: 1 },
          firstMs: atMs,
          lastMs: atMs + 5,
        });
      });

      test('says nothing of a route that nobody asked about, and nothing of one it has not seen', async () => {
        const [asked, other] = [newRoute(), newRoute()];
        await ledger.add([same(asked), same(other)]);
        expect((await ledger.tally({ sinceMs: 0, route: asked })).map(({ route }) => route)).toEqual([asked]);
        expect((await ledger.tally({ sinceMs: 0 })).map(({ route }) => route)).toEqual(
          expect.arrayContaining([asked, other]),
        );
        expect(await ledger.tally({ sinceMs: 0, route: newRoute() })).toEqual([]);
        await ledger.add([]);
      });

      test('counts only what was seen since the time asked about', async () => {
        const route = newRoute();
        const nowMs = Date.now();
        await ledger.add([
          same(route, nowMs - 2 * DAY_MS),
          different(route, ['/old'], { atMs: nowMs - 7_200_000 }),
          different(route, ['/young'], { atMs: nowMs - 60_000 }),
          same(route, nowMs),
        ]);
        expect(await tallyOf(route, nowMs - 3_600_000)).toMatchObject({ same: 1, different: 1 });
        expect(await tallyOf(route)).toMatchObject({ same: 2, different: 2 });
        expect((await groupsOf(route, nowMs - 3_600_000)).map(({ path }) => path)).toEqual(['/young']);
      });

      test('a comparison with many differences counts once, and once in each of its groups', async () => {
        const route = newRoute();
        const twice = differ('/items/*/price');
        await ledger.add([
          different(route, [twice, twice, '/name', differ('/name', 'type', ['string', 'null'])]),
        ]);
        await ledger.add([different(route, ['/name'])]);
        expect(await tallyOf(route)).toMatchObject({ different: 2 });
        const groups = await groupsOf(route);
        expect(groups.map(({ path, kind, types, count }) => [path, kind, types, count])).toEqual(
          expect.arrayContaining([
            ['/items/*/price', 'value', 'string → string', 1],
            ['/name', 'value', 'string → string', 2],
            ['/name', 'type', 'string → null', 1],
          ]),
        );
        expect(groups).toHaveLength(3);
      });

      test('a group has the same id on every instance, keeps its first and last time, and is found by it', async () => {
        const route = newRoute();
        const nowMs = Date.now() - 1_000;
        await ledger.add([different(route, ['/id'], { atMs: nowMs })]);
        await ledgers.two.add([different(route, ['/id'], { atMs: nowMs - 5_000 })]);
        const [group] = await groupsOf(route);
        expect(group).toMatchObject({ count: 2, firstMs: nowMs - 5_000, lastMs: nowMs, samples: 2 });
        expect(group).toMatchObject({ triage: { state: 'open' }, counts: true });
        expect(await ledgers.two.findGroup(group?.id as GroupId)).toEqual(group);
        expect(await ledger.findGroup('000000000000' as GroupId)).toBeUndefined();
      });

      test('the groups that count come first, then the frequent ones', async () => {
        const route = newRoute();
        await ledger.add([
          ...repeat(3, () => different(route, ['/often'])),
          ...repeat(2, () => different(route, ['/seldom'])),
          ...repeat(9, () => different(route, ['/settled'])),
        ]);
        await ledger.triage((await groupAt(route, '/settled')).id, { state: 'noise', ...WISH });
        expect((await groupsOf(route)).map(({ path }) => path)).toEqual(['/often', '/seldom', '/settled']);
      });

      test('a clock that is ahead or out of its mind loses no entry', async () => {
        const route = newRoute();
        await ledger.add([
          same(route, Date.now() + 40 * DAY_MS),
          same(route, Number.NaN),
          same(route, -1),
          different(route, ['/id'], { atMs: Number.POSITIVE_INFINITY }),
        ]);
        const tally = await tallyOf(route);
        expect(tally).toMatchObject({ same: 3, different: 1 });
        expect(tally?.lastMs).toBeLessThan(Date.now() + 5_000);
      });
    });

    describe('noise', () => {
      test('differences at which legacy disagreed with itself in that very comparison are noise there, and there only', async () => {
        const route = newRoute();
        await ledger.add([
          different(route, ['/at'], { noisy: ['/at'] }),
          different(route, ['/at', '/id'], { noisy: ['/at'] }),
          different(route, ['/at']),
        ]);
        expect(await tallyOf(route)).toMatchObject({ different: 2, noise: 1 });
        expect(await groupAt(route, '/at')).toMatchObject({ count: 1, counts: true });
      });

      test('a group that was noise each time it was seen does not count and says so', async () => {
        const route = newRoute();
        await ledger.add(repeat(4, () => different(route, ['/at'], { noisy: ['/at'] })));
        expect(await tallyOf(route)).toMatchObject({ different: 0, noise: 4 });
        expect(await groupsOf(route)).toMatchObject([
          { path: '/at', count: 4, counts: false, triage: { state: 'noise', learned: 'legacy' } },
        ]);
      });

      test('what legacy was seen to do twice is learned, by every instance and for what was seen before', async () => {
        const route = newRoute();
        await ledger.add([different(route, ['/at'])]);
        await ledger.learnNoise(route, ['/at', '/at'], Date.now());
        expect(await ledger.listNoise()).not.toContainEqual({ route, path: '/at' });
        expect(await tallyOf(route)).toMatchObject({ different: 1, noise: 0 });
        await ledgers.two.learnNoise(route, ['/at'], Date.now());
        expect(await ledger.listNoise()).toContainEqual({ route, path: '/at' });
        expect(await tallyOf(route)).toMatchObject({ different: 0, noise: 1 });
        expect(await groupAt(route, '/at')).toMatchObject({
          counts: false,
          triage: { state: 'noise', learned: 'legacy' },
        });
      });

      test('what was learned can be taken back by hand', async () => {
        const route = newRoute();
        await ledger.add([different(route, ['/at'])]);
        await ledger.learnNoise(route, ['/at'], Date.now());
        await ledger.learnNoise(route, ['/at'], Date.now());
        const { id } = await groupAt(route, '/at');
        expect(await ledger.triage(id, { state: 'open', ...WISH })).toMatchObject({
          counts: true,
          triage: { state: 'open' },
        });
        expect(await ledger.listNoise()).not.toContainEqual({ route, path: '/at' });
        expect(await tallyOf(route)).toMatchObject({ different: 1 });
      });
    });

    describe('triage', () => {
      test('a group that is accepted stops counting for all that was seen, and counts again when it runs out', async () => {
        const route = newRoute();
        await ledger.add([different(route, ['/id']), different(route, ['/id', '/name'])]);
        const { id } = await groupAt(route, '/id');
        const untilMs = Date.now() + 700;
        expect(await ledger.triage(id, { state: 'accepted', ...WISH, untilMs })).toMatchObject({
          id,
          counts: false,
          triage: { state: 'accepted', owner: 'grace', reason: 'as agreed', untilMs },
        });
        expect(await tallyOf(route)).toMatchObject({ different: 1, accepted: 1 });
        await new Promise((resolve) => setTimeout(resolve, untilMs - Date.now() + 50));
        expect(await tallyOf(route)).toMatchObject({ different: 2, accepted: 0 });
        expect(await groupAt(route, '/id')).toMatchObject({ counts: true });
      });

      test('another kind or other types at an accepted path are another group, which counts', async () => {
        const route = newRoute();
        await ledger.add([different(route, ['/id'])]);
        const untilMs = Date.now() + DAY_MS;
        await ledger.triage((await groupAt(route, '/id')).id, { state: 'accepted', ...WISH, untilMs });
        await ledger.add([
          different(route, [differ('/id', 'missing', ['string', 'absent'])]),
          different(route, [differ('/id', 'type', ['string', 'number'])]),
        ]);
        expect(await tallyOf(route)).toMatchObject({ different: 2, accepted: 1 });
      });

      test('a comparison with noise and accepted differences is noise, with a bug among them it is different', async () => {
        const route = newRoute();
        await ledger.add([different(route, ['/a', '/b']), different(route, ['/a', '/b', '/c'])]);
        const untilMs = Date.now() + DAY_MS;
        await ledger.triage((await groupAt(route, '/a')).id, { state: 'accepted', ...WISH, untilMs });
        await ledger.triage((await groupAt(route, '/b')).id, { state: 'noise', ...WISH });
        await ledger.triage((await groupAt(route, '/c')).id, { state: 'bug', ...WISH });
        expect(await tallyOf(route)).toMatchObject({ different: 1, accepted: 0, noise: 1 });
        expect(await groupAt(route, '/b')).toMatchObject({ triage: { state: 'noise', learned: 'by_hand' } });
        expect(await groupAt(route, '/c')).toMatchObject({ counts: true, triage: { state: 'bug' } });
        expect(await ledger.listNoise()).toContainEqual({ route, path: '/b' });
      });

      test('every word and every unlock stands in the audit log, newest first', async () => {
        const route = newRoute();
        await ledger.add([different(route, ['/id'])]);
        const { id: group } = await groupAt(route, '/id');
        const untilMs = Date.UTC(2100, 0, 1);
        await ledger.triage(group, { state: 'bug', ...WISH });
        await ledger.triage(group, { state: 'accepted', ...WISH, untilMs });
        const unlock = await ledger.unlock({ group, author: 'eve', reason: 'to see', untilMs });
        expect(unlock).toMatchObject({ group, author: 'eve', reason: 'to see', untilMs });
        const looked = { author: 'eve', group, change: 'looked at clear values', reason: 'to see' };
        await ledger.note(looked);
        expect((await ledger.listAudit(1))[0]).toMatchObject(looked);
        const lines = (await ledgers.two.listAudit(4))
          .slice(1)
          .map(({ author, change, reason }) => [author, change, reason]);
        expect(lines).toEqual([
          ['eve', 'unlocked until 2100-01-01T00:00:00.000Z', 'to see'],
          ['ada', 'accepted until 2100-01-01T00:00:00.000Z, owner grace', 'as agreed'],
          ['ada', 'bug, owner grace', 'as agreed'],
        ]);
      });

      test('nothing can be said of a group that there is not', async () => {
        const before = await ledger.listAudit(1);
        expect(await ledger.triage('0123456789ab' as GroupId, { state: 'bug', ...WISH })).toBeUndefined();
        expect(await ledger.listAudit(1)).toEqual(before);
      });

      test('an unlock holds for its group until its time, and no longer', async () => {
        const group = 'abcdefabcdef' as GroupId;
        const untilMs = Date.now() + 60_000;
        expect(await ledger.findUnlock(group, Date.now())).toBeUndefined();
        const unlock = await ledger.unlock({ group, author: 'eve', reason: 'to see', untilMs });
        expect(await ledgers.two.findUnlock(group, Date.now())).toEqual(unlock);
        expect(await ledger.findUnlock(group, untilMs)).toBeUndefined();
        expect(await ledger.findUnlock('abcdefabcdee' as GroupId, Date.now())).toBeUndefined();
      });
    });

    describe('samples', () => {
      test('come back as they were given, newest first, by group and by route', async () => {
        const route = newRoute();
        const nowMs = Date.now() - 1_000;
        const sealed = Uint8Array.from([0, 1, 254, 255]);
        const old = different(route, ['/a'], { atMs: nowMs - 500 });
        const young = different(route, ['/a', '/b'], { atMs: nowMs, sealed });
        await ledger.add([old, young]);
        const group = (await groupAt(route, '/a')).id;
        const [first, second, ...rest] = await ledgers.two.listSamples({ group }, 10);
        expect(rest).toEqual([]);
        if (!first) throw new Error('The ledger kept no sample.');
        const { sealed: sealedAgain, id, groups, ...kept } = first;
        const { sealed: _, ...given } = young.sample;
        expect(kept).toEqual({ ...given, route, atMs: nowMs });
        expect(Uint8Array.from(sealedAgain ?? [])).toEqual(sealed);
        expect(groups.toSorted()).toEqual((await groupsOf(route)).map((each) => each.id).toSorted());
        expect(second).toMatchObject({ requestId: old.sample.requestId, sealed: undefined });
        expect((await ledger.listSamples({ route }, 1)).map((sample) => sample.id)).toEqual([id]);
        expect(await ledger.findSample(id)).toEqual(first);
        expect(await ledger.findSample('0000000000000000')).toBeUndefined();
      });

      test('are ten a group and day, the first ones, over all instances', async () => {
        const route = newRoute();
        const first = repeat(7, () => different(route, ['/id']));
        await ledger.add(first);
        await Promise.all(
          [ledgers.one, ledgers.two].map((each) => each.add(repeat(30, () => different(route, ['/id'])))),
        );
        const group = (await groupAt(route, '/id')).id;
        const kept = await ledger.listSamples({ group }, 100);
        expect(kept).toHaveLength(10);
        expect(kept.map((sample) => sample.requestId)).toEqual(
          expect.arrayContaining(first.map(({ sample }) => sample.requestId)),
        );
        expect(await tallyOf(route)).toMatchObject({ different: 67 });
        expect((await groupAt(route, '/id')).samples).toBe(10);
      });

      test('a rare group keeps its only sample beside a frequent one', async () => {
        const route = newRoute();
        await ledger.add(repeat(50, () => different(route, ['/often'])));
        const rare = different(route, ['/often', '/rare']);
        await ledger.add([rare]);
        const group = (await groupAt(route, '/rare')).id;
        expect(await ledger.listSamples({ group }, 10)).toMatchObject([{ requestId: rare.sample.requestId }]);
        const often = (await groupAt(route, '/often')).id;
        expect(await ledger.listSamples({ group: often }, 100)).toHaveLength(10);
      });

      test('comparisons in which it was noise take at most three places of a group', async () => {
        const route = newRoute();
        await ledger.add(repeat(20, () => different(route, ['/at'], { noisy: ['/at'] })));
        const group = (await groupAt(route, '/at')).id;
        expect(await ledger.listSamples({ group }, 100)).toHaveLength(3);
        await ledger.add(repeat(20, () => different(route, ['/at'])));
        expect(await ledger.listSamples({ group }, 100)).toHaveLength(10);
      });

      test('the same comparison sent again is not kept twice', async () => {
        const route = newRoute();
        const entry = different(route, ['/id']);
        await ledger.add([entry, entry]);
        await ledgers.two.add([entry]);
        expect(await ledger.listSamples({ route }, 10)).toHaveLength(1);
      });
    });

    describe('strangers', () => {
      const HOSTILE = [
        "'); DROP TABLE banyan.shadow_tally; --",
        "/a' OR '1'='1",
        '/{"a":[1,2]},{"b":3}',
        '/a,b|c~d\\e%f_g',
        '/\u0000nul\u0000',
        '/\ud800half\udc00',
        '/🌳/ü/\u202e\n\r\t"',
        '/__proto__/constructor',
        `/${'x'.repeat(5_000)}`,
      ];

      test('whatever a path is made of is kept as text, or cut', async () => {
        const route = newRoute();
        await ledger.add(HOSTILE.map((path) => different(route, [path], { path, noisy: [path] })));
        await ledger.add([different(route, HOSTILE)]);
        await ledger.learnNoise(route, HOSTILE, Date.now());
        await ledger.learnNoise(route, HOSTILE, Date.now());
        const paths = (await groupsOf(route)).map(({ path }) => path);
        expect(paths).toHaveLength(HOSTILE.length);
        expect(paths).toEqual(expect.arrayContaining([HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[3]]));
        expect(Math.max(...paths.map((path) => path.length))).toBe(500);
        expect(paths.filter((path) => path.endsWith('…'))).toHaveLength(1);
        expect((await ledger.listNoise()).filter((noise) => noise.route === route)).toHaveLength(9);
        expect((await ledger.listSamples({ route }, 100)).length).toBeGreaterThan(8);
      });

      test('hostile words are kept as words', async () => {
        const route = newRoute();
        await ledger.add([different(route, ['/id'])]);
        const { id } = await groupAt(route, '/id');
        const reason = "x'); DELETE FROM banyan.shadow_audit; --\u0000";
        await ledger.triage(id, { state: 'bug', author: 'a\u0000', owner: "o'", reason });
        expect((await ledger.listAudit(1))[0]?.reason).toBe(reason.replace('\u0000', '\u2400'));
        const evil = "'; DROP SCHEMA banyan CASCADE; --" as RouteId;
        expect(await ledger.tally({ sinceMs: 0, route: evil })).toEqual([]);
        expect(await ledger.listSamples({ group: evil as string as GroupId }, 5)).toEqual([]);
      });
    });

    describe('retention', () => {
      test('days older than those kept go, with their samples and groups; what a person has said stays', async () => {
        const [route, other] = [newRoute(), newRoute()];
        const nowMs = Date.now();
        const oldMs = nowMs - 10 * DAY_MS;
        await ledger.add([
          same(route, oldMs),
          different(route, ['/gone'], { atMs: oldMs }),
          different(route, ['/bug'], { atMs: oldMs }),
          different(route, ['/past'], { atMs: oldMs }),
          different(route, ['/young'], { atMs: nowMs - 2 * DAY_MS }),
          same(other, oldMs),
        ]);
        await ledger.learnNoise(route, ['/old'], oldMs);
        await ledger.learnNoise(route, ['/old'], oldMs);
        await ledger.triage((await groupAt(route, '/bug')).id, { state: 'bug', ...WISH });
        const past = (await groupAt(route, '/past')).id;
        await ledger.triage(past, { state: 'accepted', ...WISH, untilMs: nowMs - 1 });
        const gone = (await groupAt(route, '/gone')).id;
        const bug = (await groupAt(route, '/bug')).id;

        await ledger.keepDays(5);
        expect(await tallyOf(route)).toMatchObject({ same: 0, different: 1 });
        expect(await tallyOf(other)).toBeUndefined();
        expect(
          (await ledger.listSamples({ route }, 10)).map((sample) => sample.differences[0]?.path),
        ).toEqual(['/young']);
        expect(await ledger.findGroup(gone)).toBeUndefined();
        expect(await ledger.findGroup(past)).toBeUndefined();
        expect(await ledger.findGroup(bug)).toMatchObject({ triage: { state: 'bug' }, count: 0, samples: 0 });
        expect((await groupsOf(route)).map(({ path }) => path)).toEqual(['/young']);
        expect(await ledger.listNoise()).not.toContainEqual({ route, path: '/old' });
      });

      test('can be called again and again, by several instances at once, while others add', async () => {
        const route = newRoute();
        await Promise.all([
          ...repeat(4, () => ledgers.one.keepDays(30)),
          ...repeat(4, () => ledgers.two.keepDays(30)),
          ...repeat(20, () => ledgers.two.add([same(route), different(route, ['/id'])])),
        ]);
        expect(await tallyOf(route)).toMatchObject({ same: 20, different: 20 });
      });

      test.each([0, -1, 401, 1.5, Number.NaN])('refuses to keep %f days', async (days) => {
        await expect(ledger.keepDays(days)).rejects.toThrow(RangeError);
      });
    });
  });
}
