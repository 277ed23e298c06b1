import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runTraffic } from './run-traffic.ts';
import { type ShadowHouse, startShadowHouse } from './shadow-house.ts';

let shadow: ShadowHouse;

// Rehearsals run in a process of their own, as in earnest.
beforeAll(async () => {
  shadow = await startShadowHouse(2, { env: { MIRROR_LAG_MS: '10000' } });
}, 60_000);
afterAll(() => shadow.house.close());

test('correct handlers show no difference in 1,500 requests of mixed traffic with writers at work', async () => {
  const run = await runTraffic(shadow, { seed: 'silence', requests: 1_500, concurrency: 8 });
  const counted = (await shadow.readLedger()).flatMap(({ groups }) => groups.filter(({ counts }) => counts));

  expect({ different: run.different, counted, bugs: shadow.verdicts.bugs }).toEqual({
    different: [],
    counted: [],
    bugs: [],
  });
  expect(run.judged + Object.values(run.dropped).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(
    1_450,
  );
  // The reasons stand first, so that a failure shows them.
  expect([run.notCompared, run.dropped, run.notComparedShare < 0.02]).toEqual([
    run.notCompared,
    run.dropped,
    true,
  ]);
}, 400_000);
