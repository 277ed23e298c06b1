import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Admit, createApiKey, openAdmit } from '../../../src/admit/index.ts';
import { openStore, type Store } from '../../../src/store/index.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../../support/store.ts';
import { arriveAt, tagKeys, tenant, user } from './support.ts';
import { type BanyanEvent, isFailure, type SessionRecord } from './words.ts';

const KEY = 'abcdefgh12345678abcdefgh12345678';
const events: BanyanEvent[] = [];
let database: StoreDatabase;
let line: Awaited<ReturnType<typeof layLine>>;
let stores: Store[];
let rooms: Admit[];

// Two instances of the gateway on one PostgreSQL, each with a store of its own; the session lives in legacy.
beforeAll(async () => {
  database = await createStoreDatabase();
  await addTenant(database, 1, 'acme');
  line = await layLine(new URL(database.appUrl));
  const emit = (event: BanyanEvent) => events.push(event);
  stores = [await open(), await open()];
  rooms = stores.map((store) =>
    openAdmit({
      tagKeys,
      emit,
      keys: store.keys,
      sessions: store.sessions,
      askLegacySession: async (): Promise<SessionRecord> => ({
        user: user(4),
        expiresAt: new Date(Date.now() + 3_600_000),
      }),
      demoKeys: 'accepted',
      isTenant: async (name) => (await store.tenants.find(name)) !== undefined,
    }),
  );
});
afterAll(async () => {
  for (const room of rooms) room.close();
  for (const store of stores) await store.close();
  line.cut();
  await database.drop();
});

const open = () => openStore({ url: line.url, emit: () => undefined, onUnscoped: 'refuse' });
const askAll = (...lines: string[]) =>
  Promise.all(
    rooms.map(async (room) => {
      const caller = await room.identify(
        arriveAt(room, { headers: ['Host', 'acme.localhost', ...lines] }),
        'required',
      );
      return isFailure(caller) ? caller.code : caller.kind;
    }),
  );

test('a key revoked on one instance is refused by all within two seconds, and a session ended on one is dead on all', async () => {
  const { key, record } = createApiKey({
    env: 'live',
    tenant: tenant('acme'),
    user: user(3),
    scopes: ['read'],
    label: 'ci',
    expiresAt: undefined,
  });
  await stores[0]?.keys.add(record);
  expect(await askAll('X-API-Key', key)).toEqual(['known', 'known']);
  expect(await askAll('Cookie', `sessionid=${KEY}`)).toEqual(['known', 'known']);

  await stores[0]?.keys.revoke(record.id, new Date());
  const visit = arriveAt(rooms[0] as Admit, {
    headers: ['Host', 'acme.localhost', 'Cookie', `sessionid=${KEY}`],
  });
  await rooms[0]?.endSession(visit, { kind: 'anonymous', tenant: tenant('acme') });
  await new Promise((resolve) => setTimeout(resolve, 2_000));

  expect(await askAll('X-API-Key', key)).toEqual(['credential_revoked', 'credential_revoked']);
  expect(await askAll('Cookie', `sessionid=${KEY}`)).toEqual(['credential_missing', 'credential_missing']);
});

test('demo keys follow the registry', async () => {
  expect(await askAll('X-API-Key', 'byn_demo_acme')).toEqual(['known', 'known']);
  expect(await askAll('X-API-Key', 'byn_demo_globex')).toEqual(['credential_invalid', 'credential_invalid']);
});

test('when PostgreSQL is gone, nobody is called a stranger, and nothing is told as a bug', async () => {
  const { key, record } = createApiKey({
    env: 'live',
    tenant: tenant('acme'),
    user: user(3),
    scopes: [],
    label: '',
    expiresAt: undefined,
  });
  await stores[0]?.keys.add(record);

  line.cut();
  const whileGone = await askAll('X-API-Key', key);
  const demoWhileGone = await askAll('X-API-Key', 'byn_demo_acme');
  await line.mend();

  expect(whileGone).toEqual(['store_unavailable', 'store_unavailable']);
  expect(demoWhileGone).toEqual(['known', 'known']);
  expect(await askAll('X-API-Key', key)).toEqual(['known', 'known']);
  expect(events.filter(({ type }) => type === 'bug')).toEqual([]);
});

/** A wire between the stores and PostgreSQL that can be cut. */
async function layLine(target: URL) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const through = new URL(target);
  through.port = String(port);
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: through.href, cut, mend: () => listen(port) };
}
