import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { STAGES } from '../../src/vocabulary/index.ts';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse();
});
afterAll(() => house.close());

const TENANTS = ['acme', 'globex', 'initech'] as const;
const JSON_TYPE = { 'content-type': 'application/json' };
// Every listed route, asked in a way that changes nothing or next to nothing.
const ROUTES = [
  ['auth.login', 'POST', '/api/auth/login/', '{}'],
  ['auth.logout', 'POST', '/api/auth/logout/', '{}'],
  ['auth.me', 'GET', '/api/auth/me/', undefined],
  ['ai.complete', 'POST', '/api/ai/completions/', '{}'],
  ['ai.jobs', 'GET', '/api/ai/jobs/', undefined],
  ['ai.job', 'GET', '/api/ai/jobs/1/', undefined],
  ['chat.channels', 'GET', '/api/chat/channels/', undefined],
  ['chat.messages', 'GET', '/api/chat/channels/1/messages/', undefined],
  ['chat.post', 'POST', '/api/chat/channels/1/messages/', '{}'],
  ['chat.socket', 'GET', '/ws/chat/1/', 'upgrade'],
  ['files.list', 'GET', '/api/files/', undefined],
  ['files.upload', 'POST', '/api/files/', '{}'],
  ['files.content', 'GET', '/api/files/1/content/', undefined],
  ['files.delete', 'DELETE', '/api/files/999999/', undefined],
  ['dashboard.summary', 'GET', '/api/dashboard/summary/', undefined],
] as const;

test('the list above names every route of the demo', async () => {
  const { routes } = (await (await house.admin('GET', '/api/routes')).json()) as { routes: { id: string }[] };
  expect(routes.map(({ id }) => id).sort()).toEqual(ROUTES.map(([id]) => id).sort());
});

describe.each(STAGES)('at stage %s', (stage) => {
  beforeAll(() => house.useTable(`${tableAt(stage, ['acme'])}# ${stage}\n`));

  test.each(ROUTES)('%s', async (id, method, path, body) => {
    for (const tenant of TENANTS) {
      const told = (await (
        await house.admin('POST', '/api/explain', { method, path, tenant })
      ).json()) as Record<string, unknown>;
      const seen = body === 'upgrade' ? await knock(tenant, path) : await ask(tenant, method, path, body);
      expect([tenant, told.route, told.side]).toEqual([tenant, id, seen]);
    }
  });
});

async function ask(
  tenant: string,
  method: string,
  path: string,
  body: string | undefined,
): Promise<string | null> {
  const answer = await house.call(tenant, method, path, {
    ...(body !== undefined && { body }),
    headers: JSON_TYPE,
  });
  await answer.arrayBuffer();
  return answer.headers.get('x-served-by');
}

function knock(tenant: string, path: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${house.gatewayPort}${path}`, {
      headers: { authorization: `Bearer byn_demo_${tenant}` },
    });
    socket.once('upgrade', (answer) => {
      resolve(answer.headers['x-served-by']?.toString());
      socket.once('open', () => socket.close());
    });
    socket.once('error', reject);
  });
}
