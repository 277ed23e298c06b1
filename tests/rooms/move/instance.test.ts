import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openInstance, type Turn } from '../../../src/move/index.ts';
import { type HandOverStep, openStore, type Store } from '../../../src/store/index.ts';
import type { FeatureName, TenantId, TenantName } from '../../../src/vocabulary/index.ts';
import { until } from '../../support/house.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../../support/store.ts';

const CHAT = 'chat' as FeatureName;
const [ACME, GLOBEX] = [1 as TenantId, 2 as TenantId];
const IDS: Readonly<Record<string, TenantId>> = { acme: ACME, globex: GLOBEX };

let database: StoreDatabase;
let store: Store;

beforeAll(async () => {
  database = await createStoreDatabase();
  await addTenant(database, ACME, 'acme');
  await addTenant(database, GLOBEX, 'globex');
  store = await openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  await store.moves.begin(CHAT, ['chat_message']);
});

afterAll(async () => {
  await store.close();
  await database.drop();
});

const open = () => openInstance({ tenures: store.tenures, idOf: (name) => IDS[name] });
const hold = async (tenant: TenantId) => (await store.mover.hold(tenant, CHAT)) as HandOverStep;
const isConfirmed = async (step: HandOverStep) => (await store.mover.unconfirmed(step)) === 0;

test('a slow write of one tenant holds up no other one, and is told as what keeps its own from changing', async () => {
  const instance = await open();
  const turn = instance.gate.enter({
    tenant: 'globex' as TenantName,
    feature: CHAT,
    manner: 'request',
    cut: () => undefined,
  }) as Turn;
  const globex = await hold(GLOBEX);
  const acme = await hold(ACME);
  await until(() => isConfirmed(acme), 'acme to be confirmed');
  expect(await isConfirmed(globex)).toBe(false);
  const [told] = await store.tenures.instances();
  expect(told).toMatchObject({ heard: acme.epoch, busy: [{ tenant: GLOBEX, feature: CHAT }] });
  expect(told?.epoch).toBeLessThan(globex.epoch);
  turn.leave();
  await until(() => isConfirmed(globex), 'globex to be confirmed');
  expect((await store.tenures.instances())[0]).toMatchObject({ epoch: acme.epoch, busy: [] });
  await store.mover.settle(acme);
  await store.mover.settle(globex);
  await instance.close();
});

test('an instance that knows of no places, as older ones do, has confirmed what it says and nothing else', async () => {
  const acme = await hold(ACME);
  const old = { id: 'old', name: 'an older one', leaseMs: 60_000 };
  await store.tenures.attend({ ...old, epoch: acme.epoch - 1 });
  expect(await isConfirmed(acme)).toBe(false);
  await store.tenures.attend({ ...old, epoch: acme.epoch });
  expect(await isConfirmed(acme)).toBe(true);
  await store.mover.settle(acme);
  await store.tenures.leave('old');
});
