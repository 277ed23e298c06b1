import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { type CopyLimits, openPace } from '../../../src/move/copy-pace.ts';
import { createDatabase } from '../../support/database.ts';
import { connect } from '../../support/follow.ts';
import { until } from '../../support/house.ts';

let legacy: Awaited<ReturnType<typeof createDatabase>>;
beforeAll(async () => {
  legacy = await createDatabase('pace');
});
afterAll(() => legacy.drop());

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const NEVER = new AbortController().signal;

function open(limits: CopyLimits) {
  const reasons: (string | undefined)[] = [];
  const pace = openPace({
    legacyUrl: legacy.url,
    slot: 'none',
    limits,
    onRest: (reason) => reasons.push(reason),
  });
  closers.push(pace.close);
  return { pace, reasons };
}

test('a copy takes no more rows a second than it may, over all that are at work', async () => {
  const { pace } = open({ rowsPerSecond: 2_000 });
  await pace.rest(NEVER);
  const beganMs = performance.now();
  const lane = async () => {
    for (let nr = 0; nr < 5; nr += 1) {
      pace.note(100);
      await pace.rest(NEVER);
    }
  };
  await Promise.all([lane(), lane()]);
  const tookMs = performance.now() - beganMs;
  expect(tookMs).toBeGreaterThan(450);
  expect(tookMs).toBeLessThan(2_000);
});

test('without a limit nobody waits', async () => {
  const { pace, reasons } = open({});
  pace.note(1_000_000);
  expect(pace.waitMs()).toBe(0);
  await pace.rest(NEVER);
  expect(reasons).toEqual([]);
});

test('while legacy has too much to do a copy rests, says why, and goes on by itself', async () => {
  const { pace, reasons } = open({ atWork: 0 });
  const busy = await connect(legacy.url);
  closers.push(() => busy.end());
  const { rows } = await busy.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const working = busy.query('SELECT pg_sleep(60)').catch(() => undefined);
  let isResting = true;
  const resting = pace.rest(NEVER).then(() => {
    isResting = false;
  });
  await until(() => reasons.length > 0, 'the reason');
  expect(reasons).toEqual([expect.stringMatching(/^\d+ of legacy's connections are at work$/)]);
  expect(isResting).toBe(true);
  const other = await connect(legacy.url);
  closers.push(() => other.end());
  await other.query('SELECT pg_cancel_backend($1)', [rows[0]?.pid]);
  await working;
  await resting;
  expect(reasons.at(-1)).toBeUndefined();
});

test('who is stopped while it rests does not go on', async () => {
  const { pace } = open({ rowsPerSecond: 1 });
  pace.note(1_000);
  const stopping = new AbortController();
  const resting = pace.rest(stopping.signal);
  stopping.abort(new Error('stopped'));
  await expect(resting).rejects.toThrow('stopped');
});
