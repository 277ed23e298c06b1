import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { send } from '../support/send.ts';

const BYTES = randomBytes(300_000);
let house: TestHouse;
let path: string;
beforeAll(async () => {
  house = await startHouse({ tenants: 1 });
});
afterAll(() => house.close());

const fetchBytes = (headers: Record<string, string>, method = 'GET') =>
  send(house.gatewayPort, { method, path, headers: { authorization: 'Bearer byn_demo_acme', ...headers } });

async function upload(): Promise<string> {
  const form = new FormData();
  form.set('file', new Blob([BYTES], { type: 'application/octet-stream' }), 'random.bin');
  const answer = await fetch(`${house.gatewayUrl}/api/files/`, {
    method: 'POST',
    headers: { authorization: 'Bearer byn_demo_acme' },
    body: form,
  });
  const { id } = (await answer.json()) as { id: number };
  return `/api/files/${id}/content/`;
}

describe.each(['legacy', 'new'] as const)('of a file on the %s side', (side) => {
  beforeAll(async () => {
    await house.useTable(tableAt(side));
    path = await upload();
  });

  test.each([
    ['bytes=0-99', [0, 99]],
    ['bytes=100-', [100, 299_999]],
    ['bytes=-1000', [299_000, 299_999]],
    ['bytes=65530-65545', [65_530, 65_545]],
    ['bytes=299999-400000', [299_999, 299_999]],
  ] as const)('%s brings these bytes and no other', async (range, [first, last]) => {
    const answer = await fetchBytes({ range });
    expect(answer.status).toBe(206);
    expect(answer.headers).toMatchObject({
      'content-range': `bytes ${first}-${last}/300000`,
      'content-length': String(last - first + 1),
      'accept-ranges': 'bytes',
      'x-served-by': side,
    });
    expect(answer.bytes.equals(BYTES.subarray(first, last + 1))).toBe(true);
  });

  test('a range beyond the end is refused with the length', async () => {
    const answer = await fetchBytes({ range: 'bytes=300000-' });
    expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */300000']);
  });

  test('If-Range and If-None-Match are answered by whoever knows the file', async () => {
    const whole = await fetchBytes({});
    const etag = String(whole.headers.etag);
    expect(whole.bytes.equals(BYTES)).toBe(true);
    expect((await fetchBytes({ range: 'bytes=0-0', 'if-range': etag })).status).toBe(206);
    expect((await fetchBytes({ range: 'bytes=0-0', 'if-range': '"another"' })).status).toBe(200);
    expect(await fetchBytes({ 'if-none-match': etag })).toMatchObject({ status: 304, body: '' });
  });

  test('HEAD tells the length and sends nothing', async () => {
    const answer = await fetchBytes({}, 'HEAD');
    expect([answer.status, answer.headers['content-length'], answer.body]).toEqual([200, '300000', '']);
  });
});
