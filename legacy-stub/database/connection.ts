import pg from 'pg';
import { LegacyRefusal } from '../refusal.ts';

/** What views and commands may do with a connection: ask, with values bound. */
export interface Connection {
  query<Row>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

export interface Database {
  /** Runs `work` on a pooled connection whose search_path is the schema, as django-tenants' `schema_context` does. */
  inSchema<T>(schema: string, work: (db: Connection) => Promise<T>): Promise<T>;
  /** Outside any tenant: the registry. */
  inPublic<T>(work: (db: Connection) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const INT8 = 20;
const TIMESTAMPTZ = 1184;
const JSONB = 3802;

// Microseconds and a jsonb number's own form do not survive Date and JSON.parse: both stay text.
const parsers: Record<number, (text: string) => unknown> = {
  [INT8]: Number,
  [TIMESTAMPTZ]: (text) => text,
  [JSONB]: (text) => text,
};

export const CLIENT_TYPES = {
  getTypeParser(id: number, format?: string) {
    return parsers[id] ?? pg.types.getTypeParser(id, format as 'text');
  },
} as pg.CustomTypesConfig;

/** Opens a pool and makes one round trip, so that a wrong address is told at once. */
export async function openDatabase(url: string, poolSize: number): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    types: CLIENT_TYPES,
    options: '-c timezone=UTC',
    connectionTimeoutMillis: 10_000,
  });
  // An idle connection that the server closed: the pool drops it, and the next query gets a new one.
  pool.on('error', () => {});
  await pool.query('SELECT 1').catch(async (error: unknown) => {
    await pool.end();
    throw unreachable(url, error);
  });
  const inSchema = <T>(schema: string, work: (db: Connection) => Promise<T>) => lend(pool, schema, work);
  return { inSchema, inPublic: (work) => inSchema('public', work), close: () => pool.end() };
}

async function lend<T>(pool: pg.Pool, schema: string, work: (db: Connection) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query(`SET search_path TO ${pg.escapeIdentifier(schema)}`);
    const result = await work(asConnection(client)).finally(async () => {
      // Only a connection that forgot its tenant may go back to the pool.
      await client.query('RESET search_path');
      broken = false;
    });
    return result;
  } finally {
    client.release(broken);
  }
}

export function asConnection(client: pg.ClientBase): Connection {
  return {
    query: async <Row>(sql: string, values?: readonly unknown[]) =>
      (await client.query(sql, values as unknown[])).rows as Row[],
  };
}

/** One transaction on a connection; undone where `work` throws. */
export async function inTransaction<T>(db: Connection, work: () => Promise<T>): Promise<T> {
  await db.query('BEGIN');
  try {
    const result = await work();
    await db.query('COMMIT');
    return result;
  } catch (error) {
    await db.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** A single connection for commands that change schemas. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    types: CLIENT_TYPES,
    options: '-c timezone=UTC',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {});
  await client.connect().catch((error: unknown) => {
    throw unreachable(url, error);
  });
  return client;
}

export function unreachable(url: string, error: unknown): LegacyRefusal {
  const { host, pathname } = new URL(url);
  const code = (error as { code?: string }).code;
  const reason = error instanceof Error && error.message !== '' ? error.message : (code ?? 'no answer');
  return new LegacyRefusal(
    `The legacy database ${pathname.slice(1)} at ${host} cannot be used (${reason}): start it or set LEGACY_DATABASE_URL.`,
  );
}
