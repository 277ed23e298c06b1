import { expect, test } from '@jest/globals';
import type { MoveJson, TenantMoveJson } from '../../../src/operate/admin/move-shapes.ts';
import { drawMove } from '../../../src/operate/command-line/move-picture.ts';
import { isAtRest, openPace, readStanding } from '../../../src/operate/command-line/move-standing.ts';
import type { Terminal } from '../../../src/operate/index.ts';

const TERMINAL = { screen: { columns: 120 }, env: { NO_COLOR: '1' } } as unknown as Terminal;
type State = NonNullable<TenantMoveJson['order']>['state'];

function makeTenant(id: number, state: State, more: Partial<TenantMoveJson> = {}): TenantMoveJson {
  const tenant = `tenant-${id}`;
  const owner = state === 'done' ? 'new' : 'legacy';
  const detail = state === 'failed' ? 'Row 3 of ai_job differs.' : null;
  const order = {
    ...{
      id,
      feature: 'ai',
      tenant,
      order: 'hand_over',
      author: 'ada',
      at: '2026-11-22T09:00:00.000Z',
      state,
    },
    ...{ attempt: state === 'failed' ? 3 : 1, in_waves: true, wave: null, detail },
    ...{ held_ms: state === 'done' ? 84 : null, rows: state === 'done' ? 200 : null, ended_at: null },
  } as const;
  return {
    ...{ id, tenant, owner, step: 'settled', declared: 'new', since: null, order },
    ...{ waiting: { lines: 0, oldest_ms: 0 }, strangers: 0, trouble: null, proof: null },
    back: { kind: 'legacys', sentence: 'legacy owns it' },
    ...more,
  } as TenantMoveJson;
}

function makeMove(counts: Partial<Record<State, number>>, more: Partial<MoveJson> = {}): MoveJson {
  const states = Object.entries(counts).flatMap(([state, count]) => Array<State>(count).fill(state as State));
  const tenants = states.map((state, at) => makeTenant(at + 1, state));
  return {
    ...{ feature: 'ai', tables: ['ai_job'], state: 'moving', paused_why: null, wave: null, tenants },
    ...{ limits: { wave: null, at_once: null, stop_after: null }, started_at: '2026-11-22T09:00:00.000Z' },
    ...more,
  } as MoveJson;
}

test('four hundred tenants are groups and bars, and by name only those under way and a few of those that failed', () => {
  const move = makeMove(
    { done: 200, running: 4, failed: 7, waiting: 189 },
    {
      limits: { wave: 20, at_once: null, stop_after: 9 },
      wave: { wave: 11, tenants: 11, running: 4, done: 5, failed: 2, later: 189, ended: 207 },
    },
  );
  expect(drawMove(TERMINAL, move, 192_000)).toEqual([
    'ai              moving: ai_job',
    'tenants         ████████████░░░░░░░░░░░░  200 of 400 tenants on the new side · 40,000 rows · 3 min left',
    'wave 11         ████████░░░░░░░░░░░░░░░░  7 of 20 · 2 failed · 9 more waves',
    'waiting         189 tenants',
    'now             tenant-201 (hand over), tenant-202 (hand over), tenant-203 (hand over), tenant-204 (hand over)',
    'writes held     half within 84 ms, longest 84 ms',
    'legacy behind   nothing waits',
    ...[205, 206, 207, 208, 209].map(
      (id) => `failed          tenant-${id} (3 times): Row 3 of ai_job differs.`,
    ),
    '                and 2 more failed: banyan move status ai',
  ]);
});

test('a pause is said with its reason and the command that ends it', () => {
  const [title] = drawMove(
    TERMINAL,
    makeMove({ waiting: 1 }, { state: 'paused', paused_why: 'Two failed.' }),
    1,
  );
  expect(title).toBe('ai              paused: Two failed. To go on: banyan move resume ai');
});

test('the time left is that of the pace seen, and unknown before anything has come about and while nothing does', () => {
  let nowMs = 0;
  const pace = openPace(() => nowMs);
  const look = (move: MoveJson) => pace(move, readStanding(move));
  expect(look(makeMove({ done: 100, waiting: 300 }))).toBeUndefined();
  nowMs = 10_000;
  expect(look(makeMove({ done: 200, waiting: 200 }))).toBe(20_000);
  expect(look(makeMove({ done: 200, waiting: 200 }, { state: 'paused' }))).toBeUndefined();
  nowMs = 60_000;
  expect(look(makeMove({ done: 200, waiting: 200 }, { state: 'paused' }))).toBeUndefined();
  nowMs = 61_000;
  expect(look(makeMove({ done: 210, waiting: 190 }))).toBe(19_000);
});

test.each([
  ['all is as the table says', makeMove({ done: 2 }), true],
  ['somebody waits', makeMove({ done: 2, waiting: 1 }), false],
  ['somebody failed, and will be tried again', makeMove({ done: 2, failed: 1 }), false],
  ['it is paused, and somebody may let it go on', makeMove({ waiting: 1 }, { state: 'paused' }), false],
  ['it is retired', makeMove({ failed: 1 }, { state: 'retired' }), true],
  [
    'the table says two things at once, so that the owner stays',
    makeMove({}, { tenants: [makeTenant(1, 'done', { declared: 'mixed' })] }),
    true,
  ],
])('whoever watches is let go or not where %s', (_what, move, isOver) => {
  expect(isAtRest(move)).toBe(isOver);
});
