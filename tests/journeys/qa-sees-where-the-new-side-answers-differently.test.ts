import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { untilJudged } from '../support/verdicts.ts';

let house: TestHouse;

beforeAll(async () => {
  house = await startHouse({
    tenants: 2,
    table: tableAt('shadow'),
    follow: 'followed',
    env: { MIRROR_LAG_MS: '10000' },
  });
}, 60_000);
afterAll(() => house.close());

test('reads and writes that both sides answer alike are the same, though rows change all the time', async () => {
  for (let i = 0; i < 5; i += 1) {
    const posted = await house.call('acme', 'POST', '/api/chat/channels/1/messages/', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ body: `hello ${i}` }),
    });
    expect(posted.status).toBe(201);
    await house.call('acme', 'GET', '/api/chat/channels/1/messages/');
  }

  const seen = await untilJudged(house, 10);
  console.log(JSON.stringify(seen), house.log.filter((l) => !l.includes('request_finished')).join('\n'));
  expect(seen.map(({ route, verdict }) => [route, verdict.same])).toEqual([
    ['chat.messages', 5],
    ['chat.post', 5],
  ]);
}, 60_000);
