import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seed } from '../../legacy-stub/index.ts';
import { query, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';
import { send } from '../support/send.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse({ tenants: 2, table: tableAt('new') });
});
afterAll(() => house.close());

const logIn = () =>
  send(house.gatewayPort, {
    host: 'initech.localhost',
    method: 'POST',
    path: '/api/auth/login/',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ada', password: 'demo' }),
  });
const explain = async () =>
  (await (
    await house.admin('POST', '/api/explain', { method: 'POST', path: '/api/auth/login/', tenant: 'initech' })
  ).json()) as object;

test('who signs up with legacy in mid-migration is answered by legacy, and by the new side once that knows them', async () => {
  await seed(house.legacyDatabaseUrl, { tenants: 3 });
  const before = await logIn();
  expect([before.status, before.headers['x-served-by']]).toEqual([200, 'legacy']);
  expect(await explain()).toMatchObject({ side: 'legacy', reason: 'no_tenant', tenant: 'initech' });

  await query(house.storeUrl.owner, "INSERT INTO tenant (id, name) VALUES (3, 'initech')");
  await until(async () => (await logIn()).headers['x-served-by'] === 'new', 'the new side to know initech');
  expect(await explain()).toMatchObject({ side: 'new', reason: 'stage_new' });
});
