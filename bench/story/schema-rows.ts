import { type Migration, migrate } from '../../legacy-stub/index.ts';
import type { FilledStore } from '../new-side/filled-store.ts';
import type { Rig, Row } from '../part.ts';
import { median, ratioOf } from '../spread.ts';
import { askNumber, listLegacyTenants, withClient } from './sessions.ts';

/** Legacy's column with its index, in each schema; and the same once for all. */
const LEGACY_CHANGE: Migration = {
  app: 'ai',
  name: '0900_job_priority',
  sql: `ALTER TABLE ai_job ADD COLUMN priority smallint NOT NULL DEFAULT 0;
        CREATE INDEX ai_job_priority_idx ON ai_job (priority, id);`,
};
const NEW_CHANGE = `
  ALTER TABLE ai_job ADD COLUMN priority smallint NOT NULL DEFAULT 0;
  CREATE INDEX ai_job_priority_idx ON ai_job (tenant_id, priority, id);`;
const DROP = 'DROP COLUMN priority';
const MOST_ROUNDS = { short: 2, full: 5 } as const;
const COUNT_LOCKS = 'SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()';
const BYTES_PER_MB = 1024 ** 2;

/** `heldMs`: how long one tenant's queries may have to wait; `walBytes`: what replicas and archives have to take. */
type Change = Readonly<{ ms: number; heldMs: number; walBytes: number }>;
type Locks = Readonly<{ one: number; whole: number }>;

/** The same change of schema for every tenant: schema after schema as legacy's own command does it, and in one pass. */
export async function measureSchemaChange(
  rig: Rig,
  store: FilledStore,
  tenants: number,
): Promise<readonly Row[]> {
  const locks = await countLocks(store);
  const [one, whole]: [Change[], Change[]] = [[], []];
  for (let round = 0; round < Math.min(rig.rounds, MOST_ROUNDS[rig.mode]); round += 1) {
    one.push(await measureWal(store, () => changeSchemas(store)));
    whole.push(await measureWal(store, () => changePartitions(store)));
    await takeBack(store);
    rig.say(
      `schema change: ${one.at(-1)?.ms.toFixed(0)} ms one by one, ${whole.at(-1)?.ms.toFixed(0)} ms in one pass`,
    );
  }
  return describe(one, whole, locks, tenants);
}

async function changeSchemas({ legacyUrl }: FilledStore): Promise<Omit<Change, 'walBytes'>> {
  const beganMs = performance.now();
  const steps = await migrate(legacyUrl, { migrations: [LEGACY_CHANGE] });
  return { ms: performance.now() - beganMs, heldMs: Math.max(...steps.map(({ ms }) => ms)) };
}

async function changePartitions({ ownerUrl }: FilledStore): Promise<Omit<Change, 'walBytes'>> {
  const beganMs = performance.now();
  const heldMs = await withClient(ownerUrl, async (client) => {
    const lockedMs = performance.now();
    await client.query(`BEGIN; ${NEW_CHANGE} COMMIT`);
    return performance.now() - lockedMs;
  });
  return { ms: performance.now() - beganMs, heldMs };
}

/** After a checkpoint, so that every page is written whole once, on both sides alike. */
function measureWal(
  { superUrl }: FilledStore,
  change: () => Promise<Omit<Change, 'walBytes'>>,
): Promise<Change> {
  const position = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')";
  return withClient(superUrl, async (client) => {
    await client.query('CHECKPOINT');
    const before = await askNumber(client, position);
    const done = await change();
    return { ...done, walBytes: (await askNumber(client, position)) - before };
  });
}

function takeBack({ legacyUrl, ownerUrl }: FilledStore): Promise<void> {
  return withClient(legacyUrl, async (client) => {
    for (const { schema } of await listLegacyTenants(client))
      await client.query(
        `ALTER TABLE ${schema}.ai_job ${DROP}; DELETE FROM ${schema}.django_migrations WHERE name = '${LEGACY_CHANGE.name}'`,
      );
    await withClient(ownerUrl, (owner) => owner.query(`ALTER TABLE ai_job ${DROP}`));
  });
}

/** All that one transaction holds when it is done and not yet committed; both are undone. */
async function countLocks({ legacyUrl, ownerUrl }: FilledStore): Promise<Locks> {
  const one = await withClient(legacyUrl, async (client) => {
    const [tenant] = await listLegacyTenants(client);
    await client.query(`BEGIN; SET LOCAL search_path TO ${tenant?.schema}; ${LEGACY_CHANGE.sql}`);
    return askNumber(client, COUNT_LOCKS);
  });
  const whole = await withClient(ownerUrl, async (client) => {
    await client.query(`BEGIN; ${NEW_CHANGE}`);
    return askNumber(client, COUNT_LOCKS);
  });
  return { one, whole };
}

function describe(
  one: readonly Change[],
  whole: readonly Change[],
  locks: Locks,
  tenants: number,
): readonly Row[] {
  const compare = (
    what: string,
    figure: (change: Change) => number,
    show: (figure: number) => string,
  ): Row => {
    const [ours, theirs] = [whole.map(figure), one.map(figure)];
    return {
      what: `schema change for ${tenants} tenants, one by one ÷ in one pass: ${what}`,
      seen: ratioOf(theirs, ours),
      unit: '×',
      note: `${show(median(theirs))} ÷ ${show(median(ours))}`,
    };
  };
  const showMs = (ms: number) => `${ms.toFixed(0)} ms`;
  const lockRatio = locks.one / locks.whole;
  return [
    compare('time', ({ ms }) => ms, showMs),
    compare(
      'WAL',
      ({ walBytes }) => walBytes,
      (bytes) => `${(bytes / BYTES_PER_MB).toFixed(2)} MB`,
    ),
    {
      what: `schema change for ${tenants} tenants, one by one ÷ in one pass: locks at once`,
      seen: ratioOf([lockRatio], [1]),
      unit: '×',
      note: `${locks.one} locks, again for each tenant ÷ ${locks.whole}, once`,
    },
    {
      ...compare('the longest that one tenant’s queries may wait', ({ heldMs }) => heldMs, showMs),
      note: `${showMs(median(one.map(({ heldMs }) => heldMs)))} ÷ ${showMs(median(whole.map(({ heldMs }) => heldMs)))}: one pass locks the table of all tenants`,
    },
  ];
}
