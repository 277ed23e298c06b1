// Real stores with many tenants, each with an API key.
import { createApiKey } from '../../src/admit/index.ts';
import { migrateStore, prepareDatabase } from '../../src/store/index.ts';
import { parseTenantName, parseUserId, type TenantName } from '../../src/vocabulary/index.ts';
import { openStoreServer } from '../../tests/drills/store-server.ts';
import { asSuperuser } from '../../tests/support/database.ts';
import { nameTenants } from './world.ts';

export type Registered = Readonly<{
  appUrl: string;
  tenants: readonly TenantName[];
  keys: readonly string[];
}>;
export type Registry = Readonly<{
  /** By the number of tenants. */
  stores: ReadonlyMap<number, Registered>;
  close(): Promise<void>;
}>;

const PASSWORDS = { ownerPassword: 'owner-in-bench', appPassword: 'app-in-bench' } as const;

export async function openRegistry(dataDir: string, counts: readonly number[]): Promise<Registry> {
  const server = await openStoreServer(dataDir);
  const stores = new Map<number, Registered>();
  for (const count of counts) stores.set(count, await fillStore(server.superUrl, count));
  return { stores, close: server.stop };
}

async function fillStore(superUrl: string, count: number): Promise<Registered> {
  const database = `tenants_${count}`;
  const { ownerUrl, appUrl } = await prepareDatabase(superUrl, { database, ...PASSWORDS });
  await migrateStore(ownerUrl);
  const tenants = nameTenants(count).flatMap((name) => parseTenantName(name) ?? []);
  await insert(
    ownerUrl,
    'tenant (id, name)',
    tenants.map((name, index) => `${index + 1}, '${name}'`),
  );
  const made = tenants.map(makeKey);
  await insert(
    ownerUrl,
    'banyan.api_key (id, hash, tenant, user_id, scopes, label, created_at)',
    made.map(
      ({ record: { id, hash, tenant, user } }) =>
        `'${id}', '${hash}', '${tenant}', ${user}, '{read,write}', 'bench', now()`,
    ),
  );
  return { appUrl, tenants, keys: made.map(({ key }) => key) };
}

/** Nothing in these rows came from outside. */
function insert(url: string, into: string, rows: readonly string[]): Promise<void> {
  return asSuperuser(`INSERT INTO ${into} VALUES ${rows.map((row) => `(${row})`).join(', ')}`, url);
}

function makeKey(tenant: TenantName) {
  const user = parseUserId(1);
  if (user === undefined) throw new Error('1 is a user id');
  return createApiKey({
    env: 'live',
    tenant,
    user,
    scopes: ['read', 'write'],
    label: 'bench',
    expiresAt: undefined,
  });
}
