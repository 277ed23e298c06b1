import { afterEach, expect, test } from '@jest/globals';
import { runTraffic } from './run-traffic.ts';
import { type ShadowHouse, startShadowHouse } from './shadow-house.ts';

let shadow: ShadowHouse;

afterEach(() => shadow.house.close());

/** Rehearsals run in a process of their own, as in earnest. What is busy with tests is no reason to take fewer copies. */
const openHouse = (tenants: number, env: Readonly<Record<string, string>> = {}) =>
  startShadowHouse(tenants, { env: { MIRROR_LAG_MS: '10000', ...env } });

async function expectSilence(seed: string, requests: number, mostNotCompared: number): Promise<void> {
  const run = await runTraffic(shadow, { seed, requests, concurrency: 8 });
  const counted = (await shadow.readLedger()).flatMap(({ groups }) => groups.filter(({ counts }) => counts));
  const { different, notCompared, dropped, notComparedShare } = run;

  expect({ different, counted, bugs: shadow.verdicts.bugs }).toEqual({
    different: [],
    counted: [],
    bugs: [],
  });
  const given = Object.values(dropped).reduce((sum, count) => sum + count, run.judged);
  expect(given).toBeGreaterThan(requests * 0.97);
  // The reasons stand first, so that a failure shows them.
  expect([notCompared, dropped, notComparedShare < mostNotCompared]).toEqual([notCompared, dropped, true]);
}

test('correct handlers show no difference in 400 requests of mixed traffic with writers at work', async () => {
  shadow = await openHouse(2);
  // Eight that never pause write at once more often than people do; at their pace the drill holds 2 %.
  await expectSilence('silence', 400, 0.05);
}, 400_000);

test('nor where verdicts come seconds late, and tenants write seldom enough to seem alone', async () => {
  shadow = await openHouse(8, { MIRROR_POOL_SIZE: '2' });
  await expectSilence('late', 200, 0.1);
}, 200_000);
