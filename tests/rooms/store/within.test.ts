import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openStore, type Store, TenantUnknown } from '../../../src/store/index.ts';
import { type BanyanEvent, parseTenantName, type TenantId, type TenantName } from '../../../src/vocabulary/index.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../../support/store.ts';
import { newChannel, newJob, newUser } from './rows.ts';

let database: StoreDatabase;
let store: Store;
let acme: Readonly<{ id: TenantId; name: TenantName }>;
let globex: Readonly<{ id: TenantId; name: TenantName }>;

beforeAll(async () => {
  database = await createStoreDatabase();
  acme = await addTenant(database, 1, 'acme');
  globex = await addTenant(database, 2, 'globex');
  store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  for (const { name } of [acme, globex]) {
    await store.within(name, async (tx) => {
      await tx.authUser.create({ data: newUser(tx, 1, `ada-${name}`) });
    });
  }
});

afterAll(async () => {
  await store.close();
  await database.drop();
});

test('what one tenant writes, that tenant reads back, microseconds and number forms included', async () => {
  const written = await store.within(acme.name, async (tx) => {
    const id = await tx.nextId('chat_channel');
    await tx.chatChannel.create({ data: newChannel(tx, id, 'exact') });
    return tx.chatMessage.create({
      data: {
        tenantId: tx.tenantId,
        id: await tx.nextId('chat_message'),
        channelId: id,
        authorId: 1,
        body: 'x',
        metadata: '{"b": 1.0, "a": 12345678901234567890.50}',
        createdAt: '2026-01-05T09:30:00.123456Z',
      },
    });
  });
  const read = await store.within(acme.name, (tx) =>
    tx.chatMessage.findMany({ where: { tenantId: tx.tenantId, createdAt: { lt: '2026-01-05T09:30:00.123457Z' } }, orderBy: { createdAt: 'desc' }, include: { channel: true } }),
  );
  expect(read).toHaveLength(1);
  expect(read[0]).toMatchObject({
    id: written.id,
    metadata: '{"a": 12345678901234567890.50, "b": 1.0}',
    createdAt: '2026-01-05T09:30:00.123456+00:00',
    channel: { name: 'exact' },
  });
});
