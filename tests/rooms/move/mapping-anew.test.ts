import { expect, test } from '@jest/globals';
import { seed } from '../../../legacy-stub/index.ts';
import { prepareFollow } from '../../../src/move/index.ts';
import { makeMapping } from '../../../src/vocabulary/index.ts';
import { createDatabase } from '../../support/database.ts';
import { connect, startFollowing } from '../../support/follow.ts';
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
  const read = async (id: number) =>
    (await store.query('SELECT body FROM chat_message WHERE id = $1', [id])).rows;
  try {
    await rows.catchUp();
    await legacy.query(
      `INSERT INTO public.tenants_tenant SELECT * FROM public.aside;
       ALTER TABLE acme.chat_message RENAME TO messages; ALTER TABLE acme.messages RENAME COLUMN body TO text`,
    );
    const mapping = makeMapping({ chat_message: { from: 'messages', columns: { body: 'text' } } });
    const urls = { legacyUrl: legacyDatabase.url, ownerUrl: database.ownerUrl, slot: rows.slot };
    expect(await prepareFollow({ ...urls, mapping })).toMatchObject({ slot: 'kept', tenants: 1 });
    await legacy.query(`UPDATE acme.messages SET text = 'by its new name' WHERE id = 1`);
    await rows.catchUp();
    expect(await read(1)).toEqual([{ body: 'by its new name' }]);
    const { mapping: kept, revision } = await rows.store.follow.mapping(rows.slot);
    expect([kept.rules, revision]).toEqual([mapping.rules, 1]);
  } finally {
    await Promise.all([legacy.end(), store.end()]);
    await rows.close();
    await Promise.all([legacyDatabase.drop(), database.drop()]);
  }
});
