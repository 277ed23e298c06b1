import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { openReconciler } from '../../../src/move/index.ts';
import type {
  BanyanEvent,
  FeatureName,
  MoveOrder,
  MoveRecord,
  Side,
  TenantId,
  TenantName,
} from '../../../src/vocabulary/index.ts';

const AI = 'ai' as FeatureName;
const TENANTS = ['acme', 'globex', 'initech'].map((name, at) => ({
  id: (at + 1) as TenantId,
  name: name as TenantName,
}));
const MOVE: MoveRecord = {
  feature: AI,
  tables: ['ai_job'],
  state: 'moving',
  limits: { wave: undefined, atOnce: undefined, stopAfter: undefined },
  pausedWhy: undefined,
  epoch: 1,
  startedAt: new Date(0),
};

let declared: Record<string, Side | 'mixed'>;
let owners: Record<string, Side>;
let move: MoveRecord;
let waiting: Pick<MoveOrder, 'id' | 'feature' | 'tenant' | 'order'>[];
let asked: unknown[];
let withdrawn: number[];
let events: BanyanEvent[];
let nowMs: number;
let reconciler: ReturnType<typeof openReconciler>;

beforeEach(() => {
  jest.useFakeTimers();
  declared = { acme: 'legacy', globex: 'legacy', initech: 'legacy' };
  owners = { ...declared } as Record<string, Side>;
  move = MOVE;
  [waiting, asked, withdrawn, events, nowMs] = [[], [], [], [], 0];
  reconciler = openReconciler({
    moves: {
      queue: async ({ order, tenants, manner }) => asked.push([order, [...tenants], manner]),
      waiting: async () => waiting,
      withdraw: async (ids) => void withdrawn.push(...ids),
    },
    moved: () => [move],
    tenants: async () => TENANTS,
    declares: (tenant) => declared[tenant] ?? 'mixed',
    ownerOf: (tenant) => owners[tenant ?? ''],
    emit: (event) => events.push(event),
    nowMs: () => nowMs,
  });
});
afterEach(() => {
  reconciler.close();
  jest.useRealTimers();
});

const look = () => jest.advanceTimersByTimeAsync(500);

test('a flip becomes one order for all that it concerns, at once; later looks ask only now and then', async () => {
  await look();
  declared = { acme: 'new', globex: 'new', initech: 'mixed' };
  await look();
  await look();
  expect(asked).toEqual([['hand_over', [1, 2], 'fresh']]);
  nowMs = 3_100;
  owners.acme = 'new';
  await look();
  expect(asked.slice(1)).toEqual([['hand_over', [2], 'repeated']]);
});

test('what a process finds when it begins may have been tried before: the pauses of the store count', async () => {
  declared.globex = 'new';
  await look();
  expect(asked).toEqual([['hand_over', [2], 'repeated']]);
});

test('a flip there and back and there again is fresh', async () => {
  for (const side of ['legacy', 'new', 'legacy', 'new'] as const) {
    declared.acme = side;
    await look();
  }
  expect(asked).toEqual([
    ['hand_over', [1], 'fresh'],
    ['hand_over', [1], 'fresh'],
  ]);
});

test('who waits for his turn is let go where the table says something else, also while the move is paused', async () => {
  declared.acme = 'new';
  move = { ...MOVE, state: 'paused', pausedWhy: '2 of wave 1 were refused or failed, and 1 may.' };
  waiting = TENANTS.map(({ id }) => ({ id: 10 + id, feature: AI, tenant: id, order: 'hand_over' }));
  waiting.push({ id: 20, feature: AI, tenant: 2 as TenantId, order: 'verify' });
  await look();
  expect([withdrawn, asked]).toEqual([[12, 13], []]);
});

test('a pause is told once, with its reason, and so is its end', async () => {
  move = { ...MOVE, state: 'paused', pausedWhy: '2 of wave 1 were refused or failed, and 1 may.' };
  await look();
  await look();
  move = MOVE;
  await look();
  expect(events).toEqual([
    {
      type: 'move_paused',
      feature: AI,
      state: 'paused',
      detail: '2 of wave 1 were refused or failed, and 1 may.',
    },
    { type: 'move_paused', feature: AI, state: 'moving', detail: 'It goes on.' },
  ]);
});
