import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { send } from '../support/send.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse({ env: { LOG_LEVEL: 'debug' } });
});
afterAll(() => house.close());

const PLANTED = 'planted-secret';

test('row-037-secrets: keys, cookies, tokens, passwords, bodies, queries and tags appear in no log line and no metric, whatever side answers', async () => {
  const created = (await (
    await house.admin('POST', '/api/keys', { tenant: 'acme', user: 1, scopes: ['read'] })
  ).json()) as { key: string };
  for (const side of ['legacy', 'new'] as const) {
    await house.useTable(tableAt(side));
    const json = { 'content-type': 'application/json' };
    await house.call('acme', 'GET', `/api/ai/jobs/?token=${PLANTED}-query`, { key: created.key });
    await house.call('acme', 'GET', '/api/ai/jobs/', { key: `byn_live_${PLANTED}-key` });
    await house.call('acme', 'GET', '/api/ai/jobs/', { key: `eyJhbGciOiJub25lIn0.${PLANTED}-jwt.x` });
    await house.call('acme', 'POST', '/api/ai/completions/', {
      headers: json,
      body: JSON.stringify({ prompt: `${PLANTED}-prompt` }),
    });
    await house.call('acme', 'POST', '/api/ai/completions/', {
      headers: json,
      body: `{"prompt": ${PLANTED}-broken`,
    });
    const login = JSON.stringify({ username: 'ada', password: `${PLANTED}-password` });
    await send(house.gatewayPort, {
      host: 'acme.localhost',
      method: 'POST',
      path: '/api/auth/login/',
      headers: json,
      body: login,
    });
    await send(house.gatewayPort, {
      host: 'acme.localhost',
      path: '/api/auth/me/',
      headers: { cookie: `sessionid=${PLANTED}-cookie` },
    });
    await send(house.gatewayPort, {
      path: `/${PLANTED}-path/%2e%2e/`,
      headers: { 'x-identity-tag': `${PLANTED}-tag` },
    });
  }
  const log = house.log.join('\n');
  const metrics = await (await fetch(`${house.adminUrl}/metrics`)).text();
  expect(house.log.filter((line) => line.includes('request_finished')).length).toBeGreaterThanOrEqual(16);
  expect(log).not.toContain(PLANTED);
  expect(log).not.toContain(created.key);
  expect(log).not.toContain('byn_demo_acme');
  expect(metrics).not.toMatch(/planted-secret|tenant=|acme/);
});
