import { describe, expect, test } from '@jest/globals';
import { attributeRows } from '../../../src/mirror/judge/attribution.ts';
import {
  listReaderStates,
  listWriterStates,
  openFence,
  type Window,
} from '../../../src/mirror/judge/fence.ts';
import type {
  LegacyTransaction,
  Position,
  RowChange,
  RowFollower,
  RowJournal,
  RowStanding,
  TenantName,
} from '../../../src/vocabulary/index.ts';

const at = (position: number) => BigInt(position) as Position;
const ACME = 'acme' as TenantName;

function row(table: string, id: number | string, change: RowChange['change'] = 'insert'): RowChange {
  return { table, change, key: JSON.stringify({ id }), row: JSON.stringify({ id }) };
}

const commit = (position: number, ...rows: RowChange[]): LegacyTransaction => ({
  position: at(position),
  rows,
});

describe('the states that a reader may have seen', () => {
  test('are one where legacy was quiet', () => {
    const window: Window = {
      before: at(10),
      after: at(20),
      lagMs: 1,
      heardBy: () => undefined,
      transactions: [],
    };

    expect(listReaderStates(window, 5).map(({ position }) => position)).toEqual([20n]);
  });

  test('are one more than the commits around it, the latest first', () => {
    const window: Window = {
      before: at(10),
      after: at(20),
      lagMs: 1,
      heardBy: () => undefined,
      transactions: [commit(12), commit(15), commit(18)],
    };

    expect(listReaderStates(window, 5).map(({ position }) => position)).toEqual([20n, 15n, 12n, 10n]);
    expect(listReaderStates(window, 2)).toHaveLength(2);
  });
});

describe('the states in which a write may have begun', () => {
  test('are those before each commit, with the ids that legacy gave out from there, and the one after all of them', () => {
    const window: Window = {
      before: at(10),
      after: at(20),
      lagMs: 1,
      heardBy: () => undefined,
      transactions: [
        commit(12, row('chat_message', 41)),
        commit(15, row('chat_message', 42), row('ai_job', 7)),
      ],
    };

    const states = listWriterStates(window, 6);

    expect(states.map(({ at: state }) => [state.position, state.nextIds])).toEqual([
      [10n, { chat_message: 41, ai_job: 7 }],
      [12n, { chat_message: 42, ai_job: 7 }],
      [20n, {}],
    ]);
    expect(states.map(({ transactions }) => transactions.length)).toEqual([2, 1, 0]);
  });
});

describe('rows of writes at the same time', () => {
  test('are told apart by their keys', () => {
    const [mine, other] = [commit(12, row('chat_message', 41)), commit(15, row('chat_message', 42))];

    expect(attributeRows([mine, other], [row('chat_message', 41)])).toEqual(mine.rows);
  });

  test('include what was committed together with one of ours', () => {
    const mine = commit(12, row('chat_message', 41), row('chat_channel', 1, 'update'));

    expect(attributeRows([mine], [row('chat_message', 41)])).toEqual(mine.rows);
  });

  test('with a key that nobody can foresee are paired with the first of their table', () => {
    const session = commit(12, row('django_session', 'abc'));
    const another = commit(15, row('django_session', 'def'));

    expect(attributeRows([session, another], [row('django_session', 'xyz')])).toEqual(session.rows);
  });

  test('of other tables belong to others', () => {
    expect(attributeRows([commit(12, row('ai_job', 3))], [row('chat_message', 41)])).toEqual([]);
  });
});

describe('the fence', () => {
  const journal = (standing: RowStanding, transactions: readonly LegacyTransaction[] = []): RowJournal => ({
    standing: async () => standing,
    between: async () => transactions,
  });
  const follower: RowFollower = { heardBy: () => at(10), catchUp: async () => at(20) };
  const open = (parts: Partial<Parameters<typeof openFence>[0]>) =>
    openFence({ follower, journal: journal('followed'), timeoutMs: 50, ...parts }).open(ACME, [], 0);

  test('answers what happened between what was heard before and a mark that has come round', async () => {
    const transactions = [commit(12, row('ai_job', 1))];

    expect(await open({ journal: journal('followed', transactions) })).toMatchObject({
      before: 10n,
      after: 20n,
      transactions,
    });
  });

  test.each([
    ['rows_apart', { journal: journal('apart') }],
    ['rows_not_followed', { journal: journal('not_followed') }],
    ['rows_not_followed', { follower: undefined }],
    ['rows_behind', { follower: { ...follower, heardBy: () => undefined } }],
    ['rows_behind', { follower: { ...follower, catchUp: () => Promise.reject(new Error('late')) } }],
  ] as const)('says %s where nothing can be compared', async (reason, parts) => {
    expect(await open(parts)).toBe(reason);
  });
});
