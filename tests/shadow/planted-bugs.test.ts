import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type HuntingGround, openHuntingGround } from './hunt.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';

let ground: HuntingGround;

beforeAll(async () => {
  ground = await openHuntingGround();
}, 60_000);
afterAll(() => ground.close());

test('there are more than thirty variants of the handlers, each with one defect', () => {
  expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(30);
  expect(new Set(PLANTED_BUGS.map(({ name }) => name)).size).toBe(PLANTED_BUGS.length);
});

for (const bug of PLANTED_BUGS) {
  test(`is found and named: ${bug.expects.route}: ${bug.name}`, async () => {
    const { needed, isNamed, strays, groups, notCompared } = await ground.hunt(bug);
    const seen = { needed, isNamed, strays, groups, notCompared };
    expect(seen).toEqual({ ...seen, needed: expect.any(Number), isNamed: true, strays: [] });
    expect(needed).toBeLessThanOrEqual(200);
  });
}
