import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { seed } from '../../legacy-stub/index.ts';
import {
  type Following,
  type FollowWish,
  forgetFollow,
  openFollow,
  prepareFollow,
} from '../../src/move/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import type { BanyanEvent, Mapping, Position, TenantName } from '../../src/vocabulary/index.ts';
import { createDatabase } from './database.ts';
import { createStoreDatabase, type StoreDatabase } from './store.ts';

/** A store that follows a legacy database, each of its own. */
export type FollowedRows = Readonly<{
  slot: string;
  store: Store;
  follower: Following;
  events: readonly BanyanEvent[];
  /** Resolves once everything that legacy has committed is in the store. */
  catchUp(): Promise<Position>;
  close(): Promise<void>;
}>;

export type FollowedWish = Readonly<{
  legacyDatabaseUrl: string;
  storeUrls: Pick<StoreDatabase, 'ownerUrl' | 'appUrl'>;
  poolSize?: number;
  mapping?: Mapping | undefined;
  follow?: Partial<Pick<FollowWish, 'journalMs' | 'nowMs'>>;
}>;

/** Copies what legacy holds and follows it from there on. Close it before either database is dropped: a slot holds its database. */
export async function startFollowing(wish: FollowedWish): Promise<FollowedRows> {
  const { legacyDatabaseUrl: legacyUrl, storeUrls, poolSize = 5, mapping, follow } = wish;
  const slot = `test_${randomBytes(6).toString('hex')}`;
  await prepareFollow({ legacyUrl, ownerUrl: storeUrls.ownerUrl, slot, mapping });
  const events: BanyanEvent[] = [];
  // What the store counts of its connections is no event of following.
  const emit = (event: BanyanEvent) => {
    if (!event.type.startsWith('store_') && event.type !== 'follow_measured') events.push(event);
  };
  const store = await openStore({ url: storeUrls.appUrl, emit, onUnscoped: 'refuse', poolSize });
  const follower = openFollow({ legacyUrl, slot, store: store.follow, emit, ...follow });
  return {
    slot,
    store,
    follower,
    events,
    catchUp: () => follower.catchUp(AbortSignal.timeout(60_000)),
    close: async () => {
      await follower.close();
      await store.close();
      await forgetFollow({ legacyUrl, slot });
    },
  };
}

/** Both databases, the stub's demo tenants, and following. */
export type FollowedHouse = FollowedRows &
  Readonly<{
    legacyUrl: string;
    database: StoreDatabase;
    /** A connection to legacy, as its superuser. */
    legacy: pg.Client;
    /** A connection to the store that no policy stops. */
    superuser: pg.Client;
    acme: TenantName;
    globex: TenantName;
  }>;

export async function startFollowedHouse(
  wish: Readonly<{
    tenants?: number;
    poolSize?: number;
    follow?: FollowedWish['follow'];
    mapping?: Mapping;
    /** What is done to legacy before its rows are copied. */
    arrange?: string;
  }> = {},
): Promise<FollowedHouse> {
  const { tenants = 2, ...more } = wish;
  const legacyDatabase = await createDatabase('legacy');
  await seed(legacyDatabase.url, { tenants });
  const legacy = await connect(legacyDatabase.url);
  if (more.arrange !== undefined) await legacy.query(more.arrange);
  const database = await createStoreDatabase();
  const rows = await startFollowing({
    legacyDatabaseUrl: legacyDatabase.url,
    storeUrls: database,
    mapping: more.mapping,
    ...(more.poolSize !== undefined && { poolSize: more.poolSize }),
    ...(more.follow && { follow: more.follow }),
  });
  const superuser = await connect(database.superUrl);
  return {
    ...rows,
    legacyUrl: legacyDatabase.url,
    database,
    legacy,
    superuser,
    acme: 'acme' as TenantName,
    globex: 'globex' as TenantName,
    close: async () => {
      await legacy.end();
      await superuser.end();
      await rows.close();
      await legacyDatabase.drop();
      await database.drop();
    },
  };
}

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, options: '-c timezone=UTC' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export const TENANT_TABLES = [
  'auth_user',
  'django_session',
  'ai_job',
  'chat_channel',
  'chat_message',
  'files_file',
  'files_chunk',
] as const;

/** Every row of a tenant as text, by table, whichever side it is on: columns by name, rows sorted. */
export async function dumpRows(
  client: pg.Client,
  from: Readonly<{ schema: string }> | Readonly<{ tenantId: number }>,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const dump: Record<string, readonly string[]> = {};
  for (const table of TENANT_TABLES) {
    const columns = await listColumns(client, 'schema' in from ? from.schema : 'public', table);
    const place = 'schema' in from ? `${from.schema}.${table}` : table;
    const where = 'schema' in from ? '' : `WHERE tenant_id = ${from.tenantId}`;
    const { rows } = await client.query<{ row: string }>(
      `SELECT ROW(${columns.join(', ')})::text AS row FROM ${place} ${where}`,
    );
    dump[table] = rows.map(({ row }) => row).toSorted();
  }
  return dump;
}

async function listColumns(client: pg.Client, schema: string, table: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = $1 AND table_name = $2 AND column_name <> 'tenant_id' ORDER BY column_name`,
    [schema, table],
  );
  return rows.map(({ name }) => name);
}

export const hashDump = (dump: unknown): string =>
  createHash('md5').update(JSON.stringify(dump)).digest('hex');
