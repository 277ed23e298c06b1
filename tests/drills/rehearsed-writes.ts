import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { seed } from '../../legacy-stub/index.ts';
import { forgetFollow, prepareFollow } from '../../src/move/index.ts';
import { asSuperuser, createDatabase } from '../support/database.ts';
import { until } from '../support/house.ts';
import { createStoreDatabase } from '../support/store.ts';
import { findChanged, takeFingerprint } from './fingerprint.ts';
import { openOutside } from './outside.ts';
import { type Ended, openRehearsalDesk, type RehearsalDesk } from './rehearsal-desk.ts';
import { makeWrite, SESSIONS, TENANTS } from './write-requests.ts';

/** What came of many rehearsed writes. */
export type Traces = Readonly<{
  /** Rehearsals that ran to their end. */
  rehearsals: readonly Ended[];
  /** By reason, those that could not be had. */
  impossible: Readonly<Record<string, number>>;
  tookMs: number;
  tables: number;
  /** Tables, of the new store and of legacy, that are not as before. */
  changed: readonly string[];
  /** Outside the database, during all rehearsals. */
  performed: Readonly<{ aiAsked: number; framesHeard: number }>;
  /** The same, after one message and one completion in earnest. */
  control: Readonly<{ aiAsked: number; framesHeard: number; changed: number }>;
}>;

const AT_ONCE = 5;
/** So many of the first writes are rehearsed in the rows as they were before legacy's last changes. */
const PAST_SHARE = 0.1;

/** Rehearses at least so many writes by the rehearsal process's own parts, and looks at every row before and after. */
export async function rehearseWrites(
  count: number,
  say: (line: string) => void = () => undefined,
): Promise<Traces> {
  const [legacy, store, outside] = await Promise.all([
    createDatabase('legacy'),
    createStoreDatabase(),
    openOutside(),
  ]);
  const slot = `drill_${randomBytes(6).toString('hex')}`;
  await seed(legacy.url, { tenants: TENANTS.length });
  await asSuperuser(addSessions(), legacy.url);
  await prepareFollow({ legacyUrl: legacy.url, ownerUrl: store.ownerUrl, slot });
  const desk = await openRehearsalDesk({
    databaseUrl: store.appUrl,
    poolSize: AT_ONCE,
    legacy: { databaseUrl: legacy.url, slot },
    ai: { baseUrl: outside.aiUrl, apiKey: undefined },
    largestFileBytes: 1024 * 1024,
    secretKey: undefined,
    key: randomBytes(32),
    timeoutMs: 10_000,
    bodyBytes: 256 * 1024,
    days: 7,
  });
  try {
    await until(
      () => desk.events.some((event) => event.type === 'follow_changed' && event.state === 'following'),
      'following',
      20_000,
    );
    await outside.listen(desk.handle);
    const pastMs = await changeLegacy(legacy.url);
    const look = async () =>
      new Map([...(await takeFingerprint(store.superUrl)), ...(await takeFingerprint(legacy.url))]);
    const before = await look();
    say(`${before.size} tables before; now ${count} writes are rehearsed`);
    const beganMs = performance.now();
    await rehearseAll(desk, count, pastMs, say);
    const tookMs = performance.now() - beganMs;
    const after = await look();
    const performed = outside.performed();
    await outside.performInEarnest(desk.handle);
    await until(() => outside.performed().framesHeard > performed.framesHeard, 'a real message');
    const control = { ...outside.performed(), changed: findChanged(after, await look()).length };
    return {
      rehearsals: desk.ended.filter(({ impossible }) => impossible === undefined),
      impossible: countReasons(desk.ended),
      tookMs,
      tables: before.size,
      changed: findChanged(before, after),
      performed,
      control,
    };
  } finally {
    outside.close();
    await desk.close();
    await forgetFollow({ legacyUrl: legacy.url, slot });
    for (const database of [legacy, store]) await database.drop();
  }
}

async function rehearseAll(
  desk: RehearsalDesk,
  count: number,
  pastMs: number,
  say: (line: string) => void,
): Promise<void> {
  let [nr, told] = [0, 0];
  const isDone = () => desk.ended.length >= count;
  const work = async () => {
    while (!isDone()) {
      const mine = nr;
      nr += 1;
      const isPast = desk.ended.length < count * PAST_SHARE && mine % 2 === 0;
      await desk.judge(makeWrite(mine, isPast ? pastMs : Date.now()));
      if (Math.floor((desk.ended.length * 10) / count) > told) {
        told = Math.floor((desk.ended.length * 10) / count);
        say(`${desk.ended.length} rehearsed`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Legacy changes rows of every tenant; answers a moment before. */
async function changeLegacy(url: string): Promise<number> {
  // What was heard a moment ago does not count as heard yet.
  await wait(300);
  const pastMs = Date.now();
  for (const tenant of TENANTS) {
    await asSuperuser(`UPDATE ${tenant}.chat_channel SET topic = 'changed since' WHERE id = 1`, url);
    await asSuperuser(
      `DELETE FROM ${tenant}.chat_message WHERE id = (SELECT max(id) FROM ${tenant}.chat_message)`,
      url,
    );
    await asSuperuser(
      `INSERT INTO ${tenant}.chat_message (channel_id, author_id, body, metadata, created_at) VALUES (1, 1, 'later', '{}', now())`,
      url,
    );
    await asSuperuser(`UPDATE ${tenant}.auth_user SET last_name = 'changed since' WHERE id = 1`, url);
  }
  await wait(500);
  return pastMs;
}

function addSessions(): string {
  const rows = SESSIONS.map((key) => `('${key}', 'whoever', now() + interval '1 day')`).join(', ');
  return TENANTS.map((tenant) => `INSERT INTO ${tenant}.django_session VALUES ${rows}`).join('; ');
}

function countReasons(ended: readonly Ended[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { impossible } of ended) if (impossible) counts[impossible] = (counts[impossible] ?? 0) + 1;
  return counts;
}
