import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrateStore, prepareDatabase } from '../../src/store/index.ts';
import {
  parseTenantId,
  parseTenantName,
  type TenantId,
  type TenantName,
} from '../../src/vocabulary/index.ts';
import { asSuperuser, superuserUrl } from './database.ts';

const PASSWORDS = { ownerPassword: 'owner-in-tests', appPassword: 'app-in-tests' } as const;
const TEMPLATE = 'banyan_template';
const TEMPLATE_LOCK = 2_114_251_116;

export type StoreDatabase = Readonly<{
  name: string;
  /** The owner's address: for migrations, and to arrange what the app role may not. */
  ownerUrl: string;
  /** The app role's address: for openStore. */
  appUrl: string;
  /** The superuser's address of the same database: no policy stops it, so it can look at everything. */
  superUrl: string;
  drop(): Promise<void>;
}>;

/** A new store with all migrations and no rows: a copy of one template per run, so it takes about 0.2 s. */
export async function createStoreDatabase(): Promise<StoreDatabase> {
  const name = `store_${randomBytes(4).toString('hex')}`;
  await withTemplateLock(async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1 AND datistemplate', [
      TEMPLATE,
    ]);
    if (rowCount === 0) await buildTemplate(client);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} OWNER banyan_owner`);
  });
  const { ownerUrl, appUrl } = await prepareDatabase(superuserUrl(), { database: name, ...PASSWORDS });
  const superUrl = new URL(superuserUrl());
  superUrl.pathname = `/${name}`;
  const drop = () => asSuperuser(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  return { name, ownerUrl, appUrl, superUrl: superUrl.href, drop };
}

/** Registers a tenant; its people and rows are the test's own. */
export async function addTenant(
  database: Pick<StoreDatabase, 'ownerUrl'>,
  id: number,
  name: string,
): Promise<Readonly<{ id: TenantId; name: TenantName }>> {
  const [tenantId, tenantName] = [parseTenantId(id), parseTenantName(name)];
  if (tenantId === undefined || tenantName === undefined)
    throw new Error(`${id}, ${name}: no tenant can be called so`);
  await asSuperuser(`INSERT INTO tenant (id, name) VALUES (${tenantId}, '${tenantName}')`, database.ownerUrl);
  return { id: tenantId, name: tenantName };
}

async function buildTemplate(client: pg.Client): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE}`);
  const { ownerUrl } = await prepareDatabase(superuserUrl(), { database: TEMPLATE, ...PASSWORDS });
  await migrateStore(ownerUrl);
  await client.query(`ALTER DATABASE ${TEMPLATE} IS_TEMPLATE true`);
}

async function withTemplateLock(work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl() });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    await work(client);
  } finally {
    await client.end();
  }
}
