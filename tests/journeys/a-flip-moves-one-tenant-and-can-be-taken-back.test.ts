import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DEMO_TABLE, startHouse, type TestHouse, tableAt } from '../support/house.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse();
});
afterAll(() => house.close());

const ask = async (tenant: string) => {
  const answer = await house.call(tenant, 'GET', '/api/ai/jobs/');
  return { side: answer.headers.get('x-served-by'), status: answer.status, body: await answer.text() };
};

test('the same URL and key are answered by legacy, then by the new side with the same bytes, then by legacy again; another tenant stays', async () => {
  const before = await ask('acme');
  await house.useTable(tableAt('canary', ['acme']));
  const during = await ask('acme');
  const neighbour = await ask('globex');
  await house.useTable(DEMO_TABLE);
  const after = await ask('acme');
  expect([before.side, during.side, neighbour.side, after.side]).toEqual([
    'legacy',
    'new',
    'legacy',
    'legacy',
  ]);
  expect(during).toEqual({ ...before, side: 'new' });
  expect(after).toEqual(before);
  expect(neighbour.body).not.toBe(before.body);
});
