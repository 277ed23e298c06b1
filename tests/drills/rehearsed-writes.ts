import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { seed } from '../../legacy-stub/index.ts';
import { forgetFollow, prepareFollow } from '../../src/move/index.ts';
import { asSuperuser, createDatabase } from '../support/database.ts';
import { until } from '../support/house.ts';
import { createStoreDatabase } from '../support/store.ts';
import { type Fingerprint, findChanged, takeFingerprint } from './fingerprint.ts';
import { Outside, type Performed } from './outside.ts';
import { type Ended, RehearsalDesk } from './rehearsal-desk.ts';
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
  performed: Performed;
  /** The same, after one message and one completion in earnest. */
  control: Performed & Readonly<{ changed: number }>;
}>;

type Say = (line: string) => void;
type Stage = Readonly<{
  desk: RehearsalDesk;
  outside: Outside;
  legacyUrl: string;
  storeUrl: string;
  close(): Promise<void>;
}>;

const AT_ONCE = 5;
/** So many of the first writes are rehearsed in the rows as they were before legacy's last changes. */
const PAST_SHARE = 0.1;
const STEPS = 10;

/** Rehearses at least so many writes by the rehearsal process's own parts, and looks at every row before and after. */
export async function rehearseWrites(count: number, say: Say = () => undefined): Promise<Traces> {
  const stage = await openStage();
  try {
    const { desk, outside } = stage;
    const pastMs = await changeLegacy(stage.legacyUrl);
    const before = await look(stage);
    const beganMs = performance.now();
    await rehearseAll(desk, count, pastMs, say);
    const tookMs = performance.now() - beganMs;
    const after = await look(stage);
    const { performed } = outside;
    return {
      rehearsals: desk.ended.filter(({ impossible }) => impossible === undefined),
      impossible: countReasons(desk.ended),
      tookMs,
      tables: before.size,
      changed: findChanged(before, after),
      performed,
      control: await performInEarnest(stage, after),
    };
  } finally {
    await stage.close();
  }
}

async function openStage(): Promise<Stage> {
  const [legacy, store] = await Promise.all([createDatabase('legacy'), createStoreDatabase()]);
  const [desk, outside] = [new RehearsalDesk(), new Outside()];
  const slot = `drill_${randomBytes(6).toString('hex')}`;
  await seed(legacy.url, { tenants: TENANTS.length });
  await asSuperuser(addSessions(), legacy.url);
  await prepareFollow({ legacyUrl: legacy.url, ownerUrl: store.ownerUrl, slot });
  await outside.open();
  await desk.open({
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
  await until(() => isFollowing(desk), 'following', 20_000);
  await outside.listen(await desk.handle);
  const close = async () => {
    outside.close();
    await desk.close();
    await forgetFollow({ legacyUrl: legacy.url, slot });
    for (const database of [legacy, store]) await database.drop();
  };
  return { desk, outside, legacyUrl: legacy.url, storeUrl: store.superUrl, close };
}

const isFollowing = ({ events }: RehearsalDesk) =>
  events.some((event) => event.type === 'follow_changed' && event.state === 'following');

async function look({ storeUrl, legacyUrl }: Stage): Promise<Fingerprint> {
  return new Map([...(await takeFingerprint(storeUrl)), ...(await takeFingerprint(legacyUrl))]);
}

async function rehearseAll(desk: RehearsalDesk, count: number, pastMs: number, say: Say): Promise<void> {
  let [nr, told] = [0, 0];
  const work = async () => {
    while (desk.ended.length < count) {
      const mine = nr;
      nr += 1;
      const isPast = desk.ended.length < count * PAST_SHARE && mine % 2 === 0;
      await desk.judge(makeWrite(mine, isPast ? pastMs : Date.now()));
      const step = Math.floor((desk.ended.length * STEPS) / count);
      if (step > told) say(`${desk.ended.length} rehearsed`);
      told = step;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function performInEarnest(stage: Stage, before: Fingerprint): Promise<Traces['control']> {
  const { desk, outside } = stage;
  const { framesHeard } = outside.performed;
  await outside.performInEarnest(await desk.handle);
  await until(() => outside.performed.framesHeard > framesHeard, 'a message in earnest');
  return { ...outside.performed, changed: findChanged(before, await look(stage)).length };
}

/** Legacy changes rows of every tenant; answers a moment before. */
async function changeLegacy(url: string): Promise<number> {
  // What was heard a moment ago does not count as heard yet.
  await wait(300);
  const pastMs = Date.now();
  for (const tenant of TENANTS) for (const sql of listChanges(tenant)) await asSuperuser(sql, url);
  await wait(500);
  return pastMs;
}

function listChanges(tenant: string): readonly string[] {
  const messages = `${tenant}.chat_message`;
  return [
    `UPDATE ${tenant}.chat_channel SET topic = 'changed since' WHERE id = 1`,
    `DELETE FROM ${messages} WHERE id = (SELECT max(id) FROM ${messages})`,
    `INSERT INTO ${messages} (channel_id, author_id, body, metadata, created_at) VALUES (1, 1, 'later', '{}', now())`,
    `UPDATE ${tenant}.auth_user SET last_name = 'changed since' WHERE id = 1`,
  ];
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
