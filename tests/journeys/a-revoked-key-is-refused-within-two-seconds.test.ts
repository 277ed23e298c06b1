import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startHouse, type TestHouse } from '../support/house.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse();
});
afterAll(() => house.close());

test('row-034-revoked-meanwhile: a revoked key is refused within two seconds', async () => {
  const { key, record } = (await (
    await house.admin('POST', '/api/keys', { tenant: 'acme', user: 2 })
  ).json()) as { key: string; record: { id: string } };
  expect((await house.call('acme', 'GET', '/api/ai/jobs/', { key })).status).toBe(200);
  expect((await house.admin('POST', `/api/keys/${record.id}/revoke`)).status).toBe(200);
  const beganMs = performance.now();
  let code: unknown;
  while (code === undefined && performance.now() - beganMs < 4_000) {
    const answer = await house.call('acme', 'GET', '/api/ai/jobs/', { key });
    if (answer.status === 401) code = ((await answer.json()) as { code: string }).code;
    else await answer.arrayBuffer();
  }
  expect(code).toBe('credential_revoked');
  expect(performance.now() - beganMs).toBeLessThanOrEqual(2_000);
});
