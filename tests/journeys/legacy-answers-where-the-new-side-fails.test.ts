import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { query, startHouse, type TestHouse, tableAt, until } from '../support/house.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse();
});
afterAll(() => house.close());

const JSON_TYPE = { 'content-type': 'application/json' };
const breakTable = (name: string) =>
  query(house.storeUrl.superuser, `ALTER TABLE ${name} RENAME TO ${name}_away`);
const mendTable = (name: string) =>
  query(house.storeUrl.superuser, `ALTER TABLE ${name}_away RENAME TO ${name}`);

test('a read goes to legacy without the user noticing, a write is refused with the truth about itself, the breaker opens and closes again', async () => {
  const good = await (await house.call('acme', 'GET', '/api/ai/jobs/')).text();
  await house.useTable(tableAt('canary', ['acme']));
  await breakTable('ai_job');

  const read = await house.call('acme', 'GET', '/api/ai/jobs/');
  expect([read.status, read.headers.get('x-served-by'), await read.text()]).toEqual([200, 'legacy', good]);
  const write = await house.call('acme', 'POST', '/api/ai/completions/', {
    headers: JSON_TYPE,
    body: '{"prompt":"x"}',
  });
  expect([write.status, await write.json()]).toEqual([
    500,
    expect.objectContaining({ code: 'new_failed', blame: 'new', retry_safe: true }),
  ]);

  await until(
    async () =>
      (await (await house.call('acme', 'GET', '/api/ai/jobs/')).text()) === good &&
      (await breaker()) === 'open',
    'the breaker to open',
  );
  expect(house.log.some((line) => line.includes('"fallback_taken"'))).toBe(true);
  const told = (await (
    await house.admin('POST', '/api/explain', { method: 'GET', path: '/api/ai/jobs/', tenant: 'acme' })
  ).json()) as Record<string, unknown>;
  expect([told.side, told.reason]).toEqual(['legacy', 'breaker_open']);
  // Another feature of the same side has not noticed.
  expect((await house.call('acme', 'GET', '/api/files/')).headers.get('x-served-by')).toBe('new');

  await mendTable('ai_job');
  await until(
    async () => (await house.call('acme', 'GET', '/api/ai/jobs/')).headers.get('x-served-by') === 'new',
    'the new side to be tried again',
    20_000,
  );
  expect(await breaker()).toBe('closed');
}, 60_000);

async function breaker(): Promise<unknown> {
  const { routes } = (await (await house.admin('GET', '/api/routes')).json()) as {
    routes: { id: string; breakers: { new: string } }[];
  };
  return routes.find(({ id }) => id === 'ai.jobs')?.breakers.new;
}
