import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { EQUAL_NAMES, type Mapping, type TenantId } from '../vocabulary/index.ts';

const LOOK_MS = 5;
// Whoever has written to a table holds one of these until his transaction ends.
const WRITERS = ['RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'];

/** The schema in which legacy keeps a tenant; undefined where its registry knows no such tenant. */
export async function findSchema(legacy: pg.Pool, tenant: TenantId): Promise<string | undefined> {
  const { rows } = await legacy.query<{ schema_name: string }>(
    'SELECT schema_name FROM public.tenants_tenant WHERE id = $1',
    [tenant],
  );
  return rows[0]?.schema_name;
}

/**
 * Resolves once no transaction of legacy holds these tables for writing: a request that the gateway has given up may still be at work
 * there. Rejects with the signal's reason.
 */
export async function outlastWriters(
  legacy: pg.Pool,
  {
    schema,
    tables,
    mapping = EQUAL_NAMES,
  }: Readonly<{ schema: string; tables: readonly string[]; mapping?: Mapping }>,
  signal: AbortSignal,
): Promise<void> {
  const names = tables.flatMap((table) => mapping.toLegacyTable(table) ?? []);
  for (;;) {
    const { rows } = await legacy.query<{ writers: number }>(
      `SELECT count(*)::int AS writers FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND n.nspname = $1 AND c.relname = ANY ($2) AND l.mode = ANY ($3) AND l.granted AND l.pid <> pg_backend_pid()`,
      [schema, names, WRITERS],
    );
    if (rows[0]?.writers === 0) return;
    signal.throwIfAborted();
    await wait(LOOK_MS);
  }
}
