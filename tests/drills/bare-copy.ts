import pg from 'pg';
import { copyIn, copyOut } from '../../src/store/copy-rows.ts';
import { TENANT_TABLES } from '../support/follow.ts';

const LANES = 3;

/**
 * The same rows by nothing but COPY, out of each tenant's schema and into plain tables: no partitions, no keys, no fences, no foreign keys, nothing
 * that follows. Answers how long it took, in ms.
 */
export async function copyBarely(legacyUrl: string, storeUrl: string): Promise<number> {
  const [legacy, store] = [legacyUrl, storeUrl].map(
    (connectionString) => new pg.Pool({ connectionString, max: LANES }),
  ) as [pg.Pool, pg.Pool];
  try {
    for (const table of TENANT_TABLES)
      await store.query(`CREATE TABLE bare_${table} AS SELECT * FROM public.${table} LIMIT 0`);
    const { rows: tenants } = await legacy.query<{ id: number; schema: string }>(
      'SELECT id, quote_ident(schema_name) AS schema FROM public.tenants_tenant ORDER BY id',
    );
    const columns = await readColumns(store);
    const beganMs = performance.now();
    let next = 0;
    const copyNext = async (): Promise<void> => {
      const tenant = tenants[next];
      next += 1;
      if (tenant === undefined) return;
      const [from, to] = [await legacy.connect(), await store.connect()];
      for (const table of TENANT_TABLES) {
        const list = columns.get(table) ?? '';
        const sql = `COPY (SELECT ${tenant.id}, ${list} FROM ${tenant.schema}.${table}) TO STDOUT`;
        for await (const rows of copyOut(from, sql))
          await copyIn(to, `COPY bare_${table} (tenant_id, ${list}) FROM STDIN`, [rows]);
      }
      from.release();
      to.release();
      return copyNext();
    };
    await Promise.all(Array.from({ length: LANES }, copyNext));
    return performance.now() - beganMs;
  } finally {
    await Promise.all([legacy.end(), store.end()]);
  }
}

async function readColumns(store: pg.Pool): Promise<ReadonlyMap<string, string>> {
  const { rows } = await store.query<{ name: string; list: string }>(
    `SELECT table_name AS name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS list
     FROM information_schema.columns WHERE table_schema = 'public' AND column_name <> 'tenant_id' GROUP BY table_name`,
  );
  return new Map(rows.map(({ name, list }) => [name, list]));
}
