import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { untilJudged } from '../support/verdicts.ts';

let house: TestHouse;

beforeAll(async () => {
  house = await startHouse({ tenants: 2, table: tableAt('shadow'), follow: 'followed' });
}, 60_000);
afterAll(() => house.close());

const post = (body: string) =>
  house.call('acme', 'POST', '/api/chat/channels/1/messages/', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ body }),
  });

test('reads and writes that both sides answer alike are the same, though rows change all the time', async () => {
  for (let i = 0; i < 5; i += 1) {
    expect((await post(`hello ${i}`)).status).toBe(201);
    expect((await house.call('acme', 'GET', '/api/chat/channels/1/messages/')).status).toBe(200);
  }

  const seen = await untilJudged(house, 10);

  expect(seen.map(({ route }) => route)).toEqual(['chat.messages', 'chat.post']);
  for (const { verdict } of seen) expect(verdict).toMatchObject({ different: 0, same: expect.any(Number) });
  expect(Math.min(...seen.map(({ verdict }) => verdict.same))).toBeGreaterThan(0);
}, 60_000);
