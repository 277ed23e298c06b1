import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startHouse, type TestHouse, tableAt, until } from '../support/house.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse({ tenants: 2, table: tableAt('canary', ['globex']) });
}, 60_000);
afterAll(() => house.close());

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A third of them is given up by the client. */
async function makeRequests(count: number): Promise<void> {
  for (let done = 0; done < count; done += 30)
    await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const stop = new AbortController();
        const tenant = i % 2 === 0 ? 'acme' : 'globex';
        if (i % 3 === 0) setTimeout(() => stop.abort(), 1 + (i % 5));
        const url = `${house.gatewayUrl}/api/chat/channels/`;
        const headers = { authorization: `Bearer byn_demo_${tenant}` };
        await fetch(url, { headers, signal: stop.signal })
          .then((answer) => answer.text())
          .catch(() => undefined);
      }),
    );
}

const countResources = () =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap' || kind === 'Timeout').length;

function measureHeap(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

test('row-127-memory-growth: hundreds of requests and aborts on both sides leave no memory, socket or timer behind', async () => {
  await makeRequests(600);
  // What the test itself keeps.
  const lines = () => (house.log as string[]).splice(0);
  lines();
  const heapMb = measureHeap();
  const resources = countResources();
  await makeRequests(600);
  lines();
  await until(() => countResources() <= resources + 20, 'sockets and timers to be let go', 10_000);
  expect(measureHeap() - heapMb).toBeLessThan(12);
}, 60_000);
