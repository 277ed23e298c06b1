import { openStore, type Store, type StoreWish } from '../../../src/store/index.ts';
import type { BanyanEvent, TenantId, TenantName } from '../../../src/vocabulary/index.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../../support/store.ts';
import { newUser } from './rows.ts';

export type Tenant = Readonly<{ id: TenantId; name: TenantName }>;
export type TwoTenants = Readonly<{
  database: StoreDatabase;
  store: Store;
  acme: Tenant;
  globex: Tenant;
  events: BanyanEvent[];
  close(): Promise<void>;
}>;

/** A store with the tenants acme (1) and globex (2), each with one user of id 1. */
export async function openTwoTenants(
  wish: Partial<Pick<StoreWish, 'poolSize' | 'onUnscoped'>> = {},
): Promise<TwoTenants> {
  const database = await createStoreDatabase();
  const acme = await addTenant(database, 1, 'acme');
  const globex = await addTenant(database, 2, 'globex');
  const events: BanyanEvent[] = [];
  const store = await openStore({
    url: database.appUrl,
    emit: (event) => events.push(event),
    onUnscoped: 'refuse',
    ...wish,
  });
  for (const { name } of [acme, globex]) {
    await store.within(name, (tx) => tx.authUser.create({ data: newUser(tx, 1, `ada-${name}`) }));
  }
  const close = async () => {
    await store.close();
    await database.drop();
  };
  return { database, store, acme, globex, events, close };
}
