import pg from 'pg';
import { seed } from '../../../legacy-stub/index.ts';
import { type Proof, type VerifyWish, verifyTenant } from '../../../src/move/verify/index.ts';
import { copyTenants, openStore, type Store } from '../../../src/store/index.ts';
import type { TenantId } from '../../../src/vocabulary/index.ts';
import { createDatabase } from '../../support/database.ts';
import { connect, TENANT_TABLES } from '../../support/follow.ts';
import { createStoreDatabase } from '../../support/store.ts';

/** A table of every common type, which legacy's acme and the store both have, in columns of another order. */
export const ODD = 'odd_values';
const COLUMNS = [
  'note text',
  'code char(8)',
  'label varchar(40)',
  'amount numeric',
  'ratio double precision',
  'small real',
  'flag boolean',
  'seen timestamptz',
  'local timestamp',
  'day date',
  'span interval',
  'doc jsonb',
  'raw json',
  'bytes bytea',
  'words text[]',
  'numbers numeric[]',
  'name public.citext',
  'uid uuid',
  'big bigint',
  'price money',
] as const;

const ODD_ROWS = `(id, note, code, label, amount, ratio, small, flag, seen, local, day, span, doc, raw, bytes, words, numbers, name, uid, big, price) VALUES
  (1, 'plain', 'ab', 'x', 1.0, 0, 0.1, true, '2026-01-05T09:30:00.123456Z', '2026-01-05 09:30', '2026-01-05', '1 mon', '{"a": 1.0, "b": [1, null]}', '{"a": 1.0}', '\\x00ff10', '{a,NULL,"NULL",""}', '{1.0,2}', 'Ada', '7d444840-9dc0-11d1-b245-5ffdce74fad2', 9007199254740993, 1.5),
  (2, '', NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', '{}', NULL, NULL, NULL, NULL, NULL),
  (3, NULL, '', NULL, 'NaN', 'NaN', 'Infinity', false, 'infinity', '-infinity', 'infinity', '-3 days 04:05:06.000007', 'null', 'null', NULL, NULL, '{}', '', NULL, 0, 0),
  (4, 'NULL', 'NULL', 'é', 100, 0.30000000000000004, 1e-5, true, '2026-03-29T02:30:00+01', '2026-03-29 02:30', '0044-03-15 BC', '24:00:00', '"text"', '[]', decode(repeat('ab', 300000), 'hex'), '[0:1]={a,b}', NULL, 'ÅNGSTRÖM', NULL, -1, -2.25)`;

export type VerifyHouse = Readonly<{
  legacy: pg.Pool;
  legacyUrl: string;
  /** The store as its superuser. */
  fresh: pg.Pool;
  store: Store;
  storeUrls: Readonly<{ ownerUrl: string; appUrl: string; superUrl: string }>;
  verify(tenant?: number, more?: Partial<VerifyWish>): Promise<Proof>;
  close(): Promise<void>;
}>;

/** Legacy and the store with the same rows, and nobody who writes. Legacy prints values in its own way, as databases out there do. */
export async function startVerifyHouse(tenants = 2): Promise<VerifyHouse> {
  const [before, after] = [await createDatabase('legacy'), await createStoreDatabase()];
  await seed(before.url, { tenants });
  await copyTenants({ legacyUrl: before.url, ownerUrl: after.ownerUrl });
  await arrange(before.url, before.name, after.superUrl);
  const store = await openStore({ url: after.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  const [legacy, fresh] = [before.url, after.superUrl].map((url) => openPool(url)) as [pg.Pool, pg.Pool];
  const { rows } = await legacy.query<{ id: number; schema_name: string }>(
    'SELECT id, schema_name FROM public.tenants_tenant',
  );
  const schemas = new Map(rows.map(({ id, schema_name }) => [id, schema_name]));
  return {
    legacy,
    legacyUrl: before.url,
    fresh,
    store,
    storeUrls: after,
    verify: (id = 1, more) =>
      verifyTenant({
        legacy,
        schema: schemas.get(id) ?? 'none',
        proof: store.proof,
        tenant: id as TenantId,
        tables: id === 1 ? [...TENANT_TABLES, ODD] : TENANT_TABLES,
        signal: AbortSignal.timeout(60_000),
        ...more,
      }),
    close: async () => {
      await Promise.all([legacy.end(), fresh.end(), store.close()]);
      await Promise.all([before.drop(), after.drop()]);
    },
  };
}

function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 5 });
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool.on('error', () => undefined);
}

const SESSIONS = `('key', 'x', '2026-12-01'), ('Key', 'x', '2026-12-01'), ('k-y', 'x', '2026-12-01'), ('kéy', 'x', '2026-12-01'), ('ke y', 'x', '2026-12-01')`;

async function arrange(legacyUrl: string, legacyName: string, superUrl: string): Promise<void> {
  const [legacy, fresh] = [await connect(legacyUrl), await connect(superUrl)];
  await legacy.query(`CREATE EXTENSION citext SCHEMA public;
    CREATE TABLE acme.${ODD} (id integer PRIMARY KEY, ${COLUMNS.join(', ')}); INSERT INTO acme.${ODD} ${ODD_ROWS};
    ALTER TABLE acme.django_session ALTER COLUMN session_key TYPE varchar(40) COLLATE "en-x-icu";
    INSERT INTO acme.django_session VALUES ${SESSIONS};
    ALTER DATABASE ${legacyName} SET TimeZone = 'Asia/Kolkata'; ALTER DATABASE ${legacyName} SET DateStyle = 'German';
    ALTER DATABASE ${legacyName} SET extra_float_digits = -3; ALTER DATABASE ${legacyName} SET bytea_output = 'escape';
    ALTER DATABASE ${legacyName} SET IntervalStyle = 'sql_standard'`);
  await fresh.query(`CREATE EXTENSION citext SCHEMA public;
    CREATE TABLE ${ODD} (tenant_id integer NOT NULL, ${COLUMNS.toReversed().join(', ')}, id integer NOT NULL, PRIMARY KEY (tenant_id, id)) PARTITION BY LIST (tenant_id);
    SELECT banyan.make_tenant_table('${ODD}'); ALTER TABLE ${ODD} OWNER TO banyan_owner;
    INSERT INTO ${ODD} (tenant_id, ${ODD_ROWS.slice(1).replaceAll(/^ {2}\(/gm, '  (1, ')}`);
  await fresh.query(`SET banyan.note = 'copy'; INSERT INTO django_session (tenant_id, session_key, session_data, expire_date)
    VALUES ${SESSIONS.replaceAll('(', '(1, ')}`);
  await Promise.all([legacy.end(), fresh.end()]);
}
