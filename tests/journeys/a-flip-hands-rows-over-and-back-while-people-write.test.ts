import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStore, type Store } from '../../src/store/index.ts';
import type { FeatureName, Side } from '../../src/vocabulary/index.ts';
import { connect } from '../support/follow.ts';
import { DEMO_TABLE, startHouse, type TestHouse, until } from '../support/house.ts';

const CHAT = 'chat' as FeatureName;
const MESSAGES = '/api/chat/channels/1/messages/';
const ON = DEMO_TABLE.replace(
  'chat-new: { percent: 0, tenants: []',
  'chat-new: { percent: 0, tenants: [acme]',
).replace(/(- id: chat\.\w+\n(?: .*\n)*? {4}stage: )legacy/g, '$1canary');
const OFF = ON.replace('tenants: [acme]', 'tenants: []');

let house: TestHouse;
let store: Store;
beforeAll(async () => {
  house = await startHouse({ follow: 'followed', table: OFF });
  store = await openStore({ url: house.storeUrl.app, emit: () => undefined, onUnscoped: 'refuse' });
}, 60_000);
afterAll(async () => {
  await store?.close();
  await house?.close();
}, 60_000);

const ownerOfAcme = async (): Promise<Side> => {
  const { changed } = await store.tenures.news(0);
  const tenure = changed.find(({ tenant, feature }) => tenant === 1 && feature === CHAT);
  return tenure?.step === 'settled' ? tenure.owner : 'legacy';
};

async function write(text: string): Promise<string> {
  const answer = await house.call('acme', 'POST', MESSAGES, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ body: text }),
  });
  expect(answer.status).toBe(201);
  return answer.headers.get('x-served-by') ?? '';
}

const read = async () => (await house.call('acme', 'GET', `${MESSAGES}?page_size=100`)).text();

test('row-110-write-during-flip: writes go where the owner is, every one of them is on both sides in the end, and nobody reads what is older than what he wrote', async () => {
  const epoch = await store.moves.begin(CHAT, ['chat_channel', 'chat_message']);
  await until(
    async () => (await store.tenures.instances()).every((one) => one.epoch >= epoch),
    'the gateway to know of the move',
  );
  const written: string[] = [];
  const sides = new Set<string>();
  let isOver = false;
  const people = [1, 2, 3].map(async (who) => {
    for (let nr = 0; !isOver; nr += 1) {
      const text = `journey ${who}-${nr}`;
      sides.add(await write(text));
      written.push(text);
      expect(await read()).toContain(`"${text}"`);
    }
  });
  for (let round = 0; round < 3; round += 1) {
    await house.useTable(ON);
    await until(async () => (await ownerOfAcme()) === 'new', 'acme to be handed over', 20_000);
    await house.useTable(OFF);
    await until(async () => (await ownerOfAcme()) === 'legacy', 'acme to be handed back', 20_000);
  }
  isOver = true;
  await Promise.all(people);
  expect(sides).toEqual(new Set(['legacy', 'new']));
  const [legacy, superuser] = [
    await connect(house.legacyDatabaseUrl),
    await connect(house.storeUrl.superuser),
  ];
  const bodies = async (sql: string) =>
    (await (sql.includes('acme') ? legacy : superuser).query(sql)).rows.map(({ body }) => body).sort();
  const onLegacy = () => bodies(`SELECT body FROM acme.chat_message WHERE body LIKE 'journey %'`);
  const onNew = () => bodies(`SELECT body FROM chat_message WHERE tenant_id = 1 AND body LIKE 'journey %'`);
  await until(async () => (await onNew()).length === written.length, 'the last rows to arrive');
  expect(await onLegacy()).toEqual(written.toSorted());
  expect(await onNew()).toEqual(written.toSorted());
  // The last one is written down a moment after its writes have gone on.
  await until(
    async () => (await store.moves.orders(20)).every(({ state }) => state === 'done'),
    'all to be done',
  );
  await legacy.end();
  await superuser.end();
}, 120_000);
