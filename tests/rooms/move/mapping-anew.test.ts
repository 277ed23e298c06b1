import { expect, test } from '@jest/globals';
import pg from 'pg';
import { seed } from '../../../legacy-stub/index.ts';
import { prepareFollow, verifyTenant } from '../../../src/move/index.ts';
import { makeMapping, type TenantId } from '../../../src/vocabulary/index.ts';
import { createDatabase } from '../../support/database.ts';
import { connect, startFollowing, TENANT_TABLES } from '../../support/follow.ts';
import { createStoreDatabase } from '../../support/store.ts';

test('a follower that runs already takes up a mapping that is laid down later, while nobody follows', async () => {
  const legacyDatabase = await createDatabase('legacy');
  await seed(legacyDatabase.url, { tenants: 1 });
  const database = await createStoreDatabase();
  const legacy = await connect(legacyDatabase.url);
  await legacy.query(
    'ALTER TABLE public.tenants_tenant RENAME TO aside; CREATE TABLE public.tenants_tenant (LIKE public.aside INCLUDING ALL)',
  );
  const rows = await startFollowing({ legacyDatabaseUrl: legacyDatabase.url, storeUrls: database });
  const store = await connect(database.superUrl);
  const pool = new pg.Pool({ connectionString: legacyDatabase.url, max: 2 });
  const read = async (id: number) =>
    (await store.query('SELECT body FROM chat_message WHERE id = $1', [id])).rows;
  try {
    await rows.catchUp();
    await legacy.query(
      `INSERT INTO public.tenants_tenant SELECT * FROM public.aside;
       ALTER TABLE acme.chat_message RENAME TO messages; ALTER TABLE acme.messages RENAME COLUMN body TO text;
       ALTER TABLE acme.files_chunk RENAME TO blobs; ALTER TABLE acme.blobs RENAME COLUMN seq TO nr; ALTER TABLE acme.blobs RENAME COLUMN file_id TO file`,
    );
    const mapping = makeMapping({
      chat_message: { from: 'messages', columns: { body: 'text' } },
      files_chunk: { from: 'blobs', columns: { seq: 'nr', file_id: 'file' } },
    });
    const urls = { legacyUrl: legacyDatabase.url, ownerUrl: database.ownerUrl, slot: rows.slot };
    // Chunk by chunk, as large tenants are copied.
    const prepared = await prepareFollow({ ...urls, mapping, chunkBytes: 5_000 });
    expect(prepared).toMatchObject({ slot: 'kept', tenants: 1 });
    const proof = await verifyTenant({
      legacy: pool,
      schema: 'acme',
      mapping,
      proof: rows.store.proof,
      tenant: 1 as TenantId,
      tables: TENANT_TABLES,
      signal: AbortSignal.timeout(30_000),
    });
    expect(proof).toMatchObject({ kind: 'equal', apart: [] });
    expect(proof.rows).toBeGreaterThan(100);
    await legacy.query(`UPDATE acme.messages SET text = 'by its new name' WHERE id = 1`);
    await rows.catchUp();
    expect(await read(1)).toEqual([{ body: 'by its new name' }]);
    const { mapping: kept, revision } = await rows.store.follow.mapping(rows.slot);
    expect([kept.rules, revision]).toEqual([mapping.rules, 1]);
  } finally {
    await Promise.all([legacy.end(), store.end(), pool.end()]);
    await rows.close();
    await Promise.all([legacyDatabase.drop(), database.drop()]);
  }
});
