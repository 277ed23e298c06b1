import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { send } from '../support/send.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse();
});
afterAll(() => house.close());

const HOST = 'acme.localhost';
const readCookie = (cookies: readonly string[], name: string) =>
  cookies
    .map((cookie) => cookie.match(new RegExp(`^${name}=([^;]*)`))?.[1])
    .find((value) => value !== undefined);

async function logIn() {
  const body = JSON.stringify({ username: 'ada', password: 'demo' });
  const answer = await send(house.gatewayPort, {
    host: HOST,
    method: 'POST',
    path: '/api/auth/login/',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const cookies = answer.headers['set-cookie'] ?? [];
  return {
    side: answer.headers['x-served-by'],
    session: readCookie(cookies, 'sessionid') ?? '',
    csrf: readCookie(cookies, 'csrftoken') ?? '',
  };
}

const whoAmI = (session: string) =>
  send(house.gatewayPort, { host: HOST, path: '/api/auth/me/', headers: { cookie: `sessionid=${session}` } });

describe.each([
  ['legacy', 'new'],
  ['new', 'legacy'],
] as const)('a session begun on the %s side', (first, second) => {
  test(`is known on the ${second} side, and its end there is its end everywhere`, async () => {
    await house.useTable(tableAt(first));
    const { side, session, csrf } = await logIn();
    expect(side).toBe(first);
    await house.useTable(tableAt(second));
    const known = await whoAmI(session);
    expect(known.headers['x-served-by']).toBe(second);
    expect(JSON.parse(known.body)).toMatchObject({ id: 1, username: 'ada' });

    const cookie = `sessionid=${session}; csrftoken=${csrf}`;
    const refused = await send(house.gatewayPort, {
      host: HOST,
      method: 'POST',
      path: '/api/auth/logout/',
      headers: { cookie },
    });
    expect(refused.status).toBe(403);
    const ended = await send(house.gatewayPort, {
      host: HOST,
      method: 'POST',
      path: '/api/auth/logout/',
      headers: { cookie, 'x-csrftoken': csrf },
    });
    expect(ended.status).toBe(204);
    const gone = await whoAmI(session);
    await house.useTable(tableAt(first));
    const goneThere = await whoAmI(session);
    expect([gone.status, goneThere.status]).toEqual([403, 403]);
  });
});

test('a session is good for its own tenant only', async () => {
  await house.useTable(tableAt('legacy'));
  const { session } = await logIn();
  const elsewhere = await send(house.gatewayPort, {
    host: 'globex.localhost',
    path: '/api/auth/me/',
    headers: { cookie: `sessionid=${session}` },
  });
  expect(elsewhere.status).toBe(403);
});
