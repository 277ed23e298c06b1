import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStore, type Store } from '../../../src/store/index.ts';
import type { FeatureName, TenantId } from '../../../src/vocabulary/index.ts';
import { asSuperuser } from '../../support/database.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../../support/store.ts';

const AI = 'ai' as FeatureName;
const ACME = 1 as TenantId;

let database: StoreDatabase;
let store: Store;
beforeAll(async () => {
  database = await createStoreDatabase();
  await addTenant(database, ACME, 'acme');
  store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

test('the app role sets apart what somebody else wrote on legacy, also a second time, and nothing where nobody did', async () => {
  expect(await store.mover.partStrangers(ACME, AI)).toEqual([]);
  await asSuperuser(
    `INSERT INTO banyan.stranger (tenant_id, position, feature, table_name, change, key)
       SELECT 1, '0/1', 'ai', 'ai_job', 'update', '{"id":1}' FROM generate_series(1, 3)`,
    database.superUrl,
  );
  expect(await store.mover.partStrangers(ACME, AI)).toEqual(['ai_job']);
  expect(await store.mover.partStrangers(ACME, AI)).toEqual(['ai_job']);
  expect(await store.mover.partStrangers(ACME, 'chat' as FeatureName)).toEqual([]);
});
