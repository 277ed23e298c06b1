import pg from 'pg';
import { openReturn, prepareReturn, type Returning } from '../../src/move/index.ts';
import { type BanyanEvent, EQUAL_NAMES, type TenantId } from '../../src/vocabulary/index.ts';
import { connect, type FollowedHouse, startFollowedHouse, TENANT_TABLES } from './follow.ts';

/** A followed house whose features the new side may own, and which carries their rows back. */
export type ReturningHouse = FollowedHouse &
  Readonly<{
    returning: Returning;
    /** What carrying back has told. */
    told: readonly BanyanEvent[];
    /** One transaction of the new side, as the app role and inside one tenant's fence. */
    write(tenant: number, ...statements: readonly string[]): Promise<void>;
    /** The feature `all`, with these tables, belongs to this side. */
    giveTo(side: 'new' | 'legacy', tenant: number, tables?: readonly string[]): Promise<void>;
    drain(tenant: number): Promise<void>;
    openAnother(): Promise<Returning>;
  }>;

/** Rows that only one of two dumps has, a few of each table: a whole dump says too much. */
export function listApart(
  before: Readonly<Record<string, readonly string[]>>,
  after: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  return Object.keys(before).flatMap((table) => {
    const [one, other] = [new Set(before[table]), new Set(after[table])];
    return [
      ...[...one]
        .filter((row) => !other.has(row))
        .slice(0, 3)
        .map((row) => `only legacy has ${table} ${row.slice(0, 200)}`),
      ...[...other]
        .filter((row) => !one.has(row))
        .slice(0, 3)
        .map((row) => `only the new side has ${table} ${row.slice(0, 200)}`),
    ];
  });
}

export const asTenant = (id: number) => id as TenantId;

export async function startReturningHouse(
  wish: Parameters<typeof startFollowedHouse>[0] = {},
): Promise<ReturningHouse> {
  const house = await startFollowedHouse(wish);
  await prepareReturn(house.legacyUrl);
  const told: BanyanEvent[] = [];
  const emit = (event: BanyanEvent) => void told.push(event);
  const mapping = () => wish.mapping ?? EQUAL_NAMES;
  const open = () => openReturn({ legacyUrl: house.legacyUrl, outbox: house.store.outbox, emit, mapping });
  const returning = open();
  const others: Returning[] = [];
  const app = new pg.Pool({ connectionString: house.database.appUrl, max: 8 });
  app.on('error', () => undefined);
  return {
    ...house,
    returning,
    told,
    write: (tenant, ...statements) => writeInside(app, tenant, statements),
    giveTo: (side, tenant, tables) => giveTo(house, side, tenant, tables),
    drain: (tenant) => returning.drain(asTenant(tenant), AbortSignal.timeout(20_000)),
    openAnother: async () => {
      const another = open();
      others.push(another);
      return another;
    },
    close: async () => {
      await Promise.all([returning, ...others].map((one) => one.close()));
      await app.end();
      await house.close();
    },
  };
}

async function writeInside(app: pg.Pool, tenant: number, statements: readonly string[]): Promise<void> {
  const client = await app.connect();
  let lost: Error | undefined;
  try {
    await client.query(`BEGIN; SELECT set_config('banyan.tenant_id', '${tenant}', true)`);
    for (const statement of statements) await client.query(statement);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch((reason: Error) => {
      lost = reason;
    });
    throw error;
  } finally {
    client.release(lost);
  }
}

/** As the mover does it: legacy is followed up to the end of its log before the owner changes. */
async function giveTo(
  house: FollowedHouse,
  side: 'new' | 'legacy',
  tenant: number,
  tables: readonly string[] = TENANT_TABLES,
): Promise<void> {
  await house.superuser.query(
    `INSERT INTO banyan.move (feature, tables, state, epoch) VALUES ('all', $1, 'moving', 1) ON CONFLICT (feature) DO UPDATE SET tables = $1`,
    [tables],
  );
  await house.catchUp();
  const { rows } = await house.legacy.query<{ at: string }>('SELECT pg_current_wal_lsn()::text AS at');
  const owner = await connect(house.database.superUrl);
  try {
    await owner.query('BEGIN');
    await owner.query(`SELECT pg_advisory_xact_lock($1, hashtext('banyan tenure all'))`, [tenant]);
    await owner.query(
      `INSERT INTO banyan.tenure (tenant, feature, owner, step, epoch, since) VALUES ($1, 'all', $2, 'settled', 1, $3)
       ON CONFLICT (tenant, feature) DO UPDATE SET owner = $2, since = $3`,
      [tenant, side, rows[0]?.at],
    );
    await owner.query('COMMIT');
  } finally {
    await owner.end();
  }
}

const SERIALS: readonly string[] = ['auth_user', 'ai_job', 'chat_channel', 'chat_message', 'files_file'];

/** The new side's tables as legacy's look (schema `acme_like`), whoever's transaction it is: so that the same random writes fit. */
export async function makeViews({ superuser }: FollowedHouse): Promise<void> {
  await superuser.query('CREATE SCHEMA acme_like; GRANT USAGE ON SCHEMA acme_like TO banyan_app');
  for (const table of TENANT_TABLES) {
    const { rows: columns } = await superuser.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name = $1 AND column_name <> 'tenant_id' ORDER BY ordinal_position`,
      [table],
    );
    await superuser.query(
      `CREATE VIEW acme_like.${table} WITH (security_invoker) AS SELECT ${columns.map(({ name }) => name).join(', ')}, tenant_id FROM public.${table};
       ALTER VIEW acme_like.${table} ALTER COLUMN tenant_id SET DEFAULT current_setting('banyan.tenant_id')::int;
       GRANT SELECT, INSERT, UPDATE, DELETE ON acme_like.${table} TO banyan_app`,
    );
    if (SERIALS.includes(table))
      await superuser.query(
        `CREATE SEQUENCE acme_like.${table}_seq START 5000; GRANT USAGE ON SEQUENCE acme_like.${table}_seq TO banyan_app;
         ALTER VIEW acme_like.${table} ALTER COLUMN id SET DEFAULT nextval('acme_like.${table}_seq')`,
      );
  }
}
