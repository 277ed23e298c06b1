import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildHouse, type GoneBadHouse } from '../drills/gone-bad-house.ts';
import { listShots } from '../drills/gone-bad-traffic.ts';
import type { Shot } from '../drills/shot.ts';

// Gateway, legacy and those who ask in processes of their own, as in the drill `shadow-gone-bad`, which measures what is only held here.

const ANSWERS = 50;
/** No rehearsal ends before. */
const REHEARSAL_MS = 60_000;
const SOON_MS = 20_000;

let house: GoneBadHouse;
let shots: readonly Shot[];
beforeAll(async () => {
  // Enough processor time for all fifty, whatever the machine has.
  const env = {
    MIRROR_TIMEOUT_MS: String(REHEARSAL_MS),
    MIRROR_LAG_MS: '10000',
    MIRROR_CPU_PERCENT: '10000',
  };
  house = await buildHouse(env);
  await house.open();
  await house.useStage('shadow');
  shots = await listShots(house.direct);
}, 60_000);
afterAll(() => house.stop(), 30_000);

const ask = () => house.ask({ perSecond: 50, ms: (ANSWERS * 1000) / 50, seed: 'journey', shots });

test('row-106-slow-shadow: fifty answers are complete, in legacy’s bytes, before the first of their rehearsals has ended', async () => {
  house.misbehave('hang');

  const { latenciesMs, failed, other } = await ask();

  const { verdicts, drops, pending } = await house.look();
  expect({ answers: latenciesMs.length, failed, other }).toEqual({ answers: ANSWERS, failed: [], other: [] });
  expect({ verdicts, drops, pending }).toEqual({ verdicts: {}, drops: {}, pending: ANSWERS });
}, 60_000);

test('row-106-slow-shadow: a gateway whose rehearsals hang stops long before they would end, and leaves no process', async () => {
  expect(house.rehearsers).toBe(1);

  const tookMs = await house.close();

  expect(tookMs).toBeLessThan(SOON_MS);
  expect(await house.countOrphans()).toBe(0);
}, 60_000);

test('row-106-slow-shadow: a gateway that is killed leaves no process, though its handlers never come back from a loop', async () => {
  const before = house.rehearsers;
  await house.restart();
  house.misbehave('spin');
  await ask();

  await house.killGateway();

  expect(house.rehearsers).toBe(before + 1);
  expect(await house.countOrphans(SOON_MS)).toBe(0);
}, 60_000);
