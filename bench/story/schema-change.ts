// One change of schema for every tenant: a column with a default, and an index that has it. By legacy's own command, schema after schema, and in
// one pass over the partitioned set.
import { type Migration, migrate } from '../../legacy-stub/index.ts';
import type { FilledStore } from '../new-side/filled-store.ts';
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
const COUNT_LOCKS = 'SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()';

/** `heldMs`: how long one tenant's queries may have to wait; `walBytes`: what replicas and archives have to take. */
export type Change = Readonly<{ ms: number; heldMs: number; walBytes: number }>;
export type Locks = Readonly<{ one: number; whole: number }>;

export async function changeSchemas({ legacyUrl }: FilledStore): Promise<Omit<Change, 'walBytes'>> {
  const beganMs = performance.now();
  const steps = await migrate(legacyUrl, { migrations: [LEGACY_CHANGE] });
  return { ms: performance.now() - beganMs, heldMs: Math.max(...steps.map(({ ms }) => ms)) };
}

export async function changePartitions({ ownerUrl }: FilledStore): Promise<Omit<Change, 'walBytes'>> {
  const beganMs = performance.now();
  const heldMs = await withClient(ownerUrl, async (client) => {
    const lockedMs = performance.now();
    await client.query(`BEGIN; ${NEW_CHANGE} COMMIT`);
    return performance.now() - lockedMs;
  });
  return { ms: performance.now() - beganMs, heldMs };
}

/** After a checkpoint, so that every page is written whole once, on both sides alike. */
export function measureWal(
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

export function takeBack({ legacyUrl, ownerUrl }: FilledStore): Promise<void> {
  return withClient(legacyUrl, async (client) => {
    for (const { schema } of await listLegacyTenants(client))
      await client.query(
        `ALTER TABLE ${schema}.ai_job ${DROP}; DELETE FROM ${schema}.django_migrations WHERE name = '${LEGACY_CHANGE.name}'`,
      );
    await withClient(ownerUrl, (owner) => owner.query(`ALTER TABLE ai_job ${DROP}`));
  });
}

/** All that one transaction holds when it is done and not yet committed; both are undone. */
export async function countLocks({ legacyUrl, ownerUrl }: FilledStore): Promise<Locks> {
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
