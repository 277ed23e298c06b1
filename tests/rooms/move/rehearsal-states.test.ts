import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RehearsalWish, TenantStore } from '../../../src/store/index.ts';
import { StateUnreachable, StoreUnavailable } from '../../../src/store/index.ts';
import type { Position } from '../../../src/vocabulary/index.ts';
import {
  connect,
  dumpRows,
  type FollowedHouse,
  hashDump,
  startFollowedHouse,
  TENANT_TABLES,
} from '../../support/follow.ts';
import { until } from '../../support/house.ts';
import { addTenant } from '../../support/store.ts';
import { newChannel, newJob } from '../store/rows.ts';

let house: FollowedHouse;
beforeAll(async () => {
  house = await startFollowedHouse({ poolSize: 8 });
});
afterAll(() => house.close());

const legacy = (sql: string) => house.legacy.query(sql);
const at = (position: Position, nextIds: Record<string, number> = {}): RehearsalWish => ({
  at: { position, nextIds },
  manner: 'read_write',
});
const readOnly = (wish: RehearsalWish): RehearsalWish => ({ ...wish, manner: 'read_only' });
const INSERT_MESSAGE = `INSERT INTO acme.chat_message (channel_id, author_id, body, metadata, created_at) VALUES (1, 1, 'hello', '{}', now()) RETURNING id`;

const readMessages = (scope: TenantStore) =>
  scope.within(async (tx) => {
    const rows = await tx.chatMessage.findMany({ where: { tenantId: tx.tenantId }, orderBy: { id: 'asc' } });
    return rows.map(({ id, body }) => `${id} ${body}`);
  });

const writeMessage = (scope: TenantStore) =>
  scope.within(async (tx) => {
    const id = await tx.nextId('chat_message');
    await tx.chatMessage.create({
      data: { tenantId: tx.tenantId, id, channelId: 1, authorId: 1, body: 'hello' },
    });
    return id;
  });

async function reasonOf(work: Promise<unknown>): Promise<unknown> {
  const error = await work.catch((reason: unknown) => reason);
  return error instanceof StateUnreachable ? error.reason : error;
}

describe('a rehearsal in an earlier state', () => {
  test('sees the rows as they were, also those that were changed or deleted since', async () => {
    const before = await house.catchUp();
    const { result: messages } = await house.store.rehearsal(
      house.acme,
      'x',
      readOnly(at(before)),
      readMessages,
    );
    await legacy(INSERT_MESSAGE);
    await legacy(
      `UPDATE acme.chat_message SET body = 'changed' WHERE id = 2; DELETE FROM acme.chat_message WHERE id = 3`,
    );
    const after = await house.catchUp();
    const then = await house.store.rehearsal(house.acme, 'x', readOnly(at(before)), readMessages);
    const now = await house.store.rehearsal(house.acme, 'x', readOnly(at(after)), readMessages);
    expect(then.result).toEqual(messages);
    expect(now.result).not.toEqual(messages);
    expect(now.result).toContain('2 changed');
  });

  test("writes again what legacy wrote: the same id is free, and the rows it would have written are legacy's", async () => {
    const before = await house.catchUp();
    const { rows } = await legacy(INSERT_MESSAGE);
    const after = await house.catchUp();
    const written = await house.store.rehearsal(
      house.acme,
      'x',
      at(before, { chat_message: rows[0].id }),
      writeMessage,
    );
    const [transaction] = await house.store.journal.between(house.acme, before, after);
    expect(written.result).toBe(rows[0].id);
    expect(written.rows).toHaveLength(1);
    const withoutTimes = ({ row, ...rest }: { row: string }) => ({
      ...rest,
      row: row.replaceAll(/"created_at":"[^"]+"/g, ''),
    });
    expect(written.rows.map(withoutTimes)).toEqual(transaction?.rows.map(withoutTimes));
    expect(written.rows[0]).toMatchObject({
      table: 'chat_message',
      change: 'insert',
      key: `{"id":${rows[0].id}}`,
    });
  });

  test('gives out the ids of that state, where nobody says which: the first that legacy has given since, or the next', async () => {
    const before = await house.catchUp();
    const { rows } = await legacy(INSERT_MESSAGE);
    const after = await house.catchUp();
    const ids = async (scope: TenantStore) => [await writeMessage(scope), await writeMessage(scope)];
    expect((await house.store.rehearsal(house.acme, 'x', at(before), ids)).result).toEqual([
      rows[0].id,
      rows[0].id + 1,
    ]);
    expect((await house.store.rehearsal(house.acme, 'x', at(after), ids)).result).toEqual([
      rows[0].id + 1,
      rows[0].id + 2,
    ]);
  });

  test('tells the rows in the order in which they were written, and only those that stand at the end', async () => {
    const position = await house.catchUp();
    const { rows } = await house.store.rehearsal(house.acme, 'x', at(position), async (scope) => {
      await scope.within(async (tx) => {
        await tx.aiJob.create({ data: newJob(tx, 5_000) });
        await tx.aiJob.update({
          where: { tenantId_id: { tenantId: tx.tenantId, id: 5_000 } },
          data: { status: 'done', cost: '0.5' },
        });
      });
      const failing = scope.within(async (tx) => {
        await tx.chatChannel.create({ data: newChannel(tx, 5_000, 'undone') });
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await scope.within((tx) => tx.filesFile.deleteMany({ where: { tenantId: tx.tenantId, id: 5 } }));
      await scope.within((tx) =>
        tx.chatChannel.updateMany({ where: { tenantId: tx.tenantId }, data: { isPrivate: false } }),
      );
    });
    expect(rows.map(({ table, change, key }) => `${change} ${table} ${key}`)).toEqual([
      'insert ai_job {"id":5000}',
      'update ai_job {"id":5000}',
      'delete files_file {"id":5}',
      'delete files_chunk {"file_id":5,"seq":0}',
      'delete files_chunk {"file_id":5,"seq":1}',
      'delete files_chunk {"file_id":5,"seq":2}',
      'update chat_channel {"id":3}',
    ]);
    expect(JSON.parse(rows[1]?.row ?? '')).toMatchObject({ id: 5_000, status: 'done' });
    expect(rows[1]?.row).toContain('"cost":0.5000');
    expect(rows[3]?.row).toMatch(/"data":\{"bytes":262144,"sha256":"[0-9a-f]{64}"\}/);
    expect(rows.every(({ row }) => !row.includes('tenant_id'))).toBe(true);
  });

  test('cannot write where it may only read: the handler meets the error, and goes on if it likes', async () => {
    const position = await house.catchUp();
    const writing = house.store.rehearsal(house.acme, 'x', readOnly(at(position)), writeMessage);
    await expect(writing).rejects.toThrow(/read-only transaction/);
    const stubborn = house.store.rehearsal(house.acme, 'x', readOnly(at(position)), async (scope) => {
      await writeMessage(scope).catch(() => undefined);
      return (await readMessages(scope)).length;
    });
    expect((await stubborn).result).toBeGreaterThan(0);
    expect((await stubborn).rows).toEqual([]);
  });
});

describe('a state that cannot be shown', () => {
  test('has not been reached yet', async () => {
    const far = ((await house.catchUp()) + 10n ** 9n) as Position;
    expect(await reasonOf(house.store.rehearsal(house.acme, 'x', at(far), readMessages))).toBe('behind');
  });

  test('lies before the tenant was copied', async () => {
    expect(await reasonOf(house.store.rehearsal(house.acme, 'x', at(1n as Position), readMessages))).toBe(
      'forgotten',
    );
  });

  test('has been forgotten, and the states since then have not', async () => {
    const before = await house.catchUp();
    await legacy(INSERT_MESSAGE);
    const middle = await house.catchUp();
    await legacy(INSERT_MESSAGE);
    await house.catchUp();
    const journal = async () =>
      (await house.superuser.query('SELECT count(*)::int AS n FROM banyan.row_change')).rows[0].n;
    const kept = await journal();
    await house.store.follow.forget(house.slot, middle);
    expect(await journal()).toBeLessThan(kept);
    expect(await journal()).toBeGreaterThan(0);
    expect(await reasonOf(house.store.rehearsal(house.acme, 'x', at(before), readMessages))).toBe(
      'forgotten',
    );
    await house.store.rehearsal(house.acme, 'x', at(middle), readMessages);
  });

  test('is that of a tenant who does not follow', async () => {
    const position = await house.catchUp();
    const { name } = await addTenant(house.database, 900, 'stays');
    await wait(1_100);
    expect(await reasonOf(house.store.rehearsal(name, 'x', at(position), readMessages))).toBe('not_followed');
    expect(await house.store.journal.standing(name, [])).toBe('not_followed');
    expect(await house.store.journal.between(name, 1n as Position, position)).toEqual([]);
  });
});

test('while legacy goes on writing, each rehearsal sees precisely the state it asks for', async () => {
  const stop = new AbortController();
  const write = async () => {
    const client = await connect(house.legacyUrl);
    for (let nr = 0; !stop.signal.aborted; nr += 1) {
      await client.query(`BEGIN; ${INSERT_MESSAGE}; UPDATE acme.chat_message SET body = 'turn ${nr}' WHERE id <= 5;
        UPDATE acme.auth_user SET last_login = now() WHERE id = 1; COMMIT`);
      await wait(10);
    }
    await client.end();
  };
  const read = async (position: Position) =>
    (await house.store.rehearsal(house.acme, 'x', readOnly(at(position)), readMessages)).result;
  const writer = write();
  try {
    await until(
      async () => (await read(await house.catchUp())).some((line) => / turn \d+$/.test(line)),
      'the first turn',
    );
    for (let turn = 0; turn < 15; turn += 1) {
      const position = await house.catchUp();
      const first = await read(position);
      await wait(20);
      const [again, third] = await Promise.all([read(position), read(position)]);
      expect(again).toEqual(first);
      expect(third).toEqual(first);
      // These rows change together in each of legacy's transactions: in no state are they of two different turns.
      expect(new Set(first.slice(0, 2).map((line) => line.replace(/^\d+ /, ''))).size).toBe(1);
    }
  } finally {
    stop.abort();
    await writer;
  }
}, 60_000);

test('a key that legacy takes while a rehearsal runs is no mistake of the handler; one that was taken before is', async () => {
  const position = await house.catchUp();
  const overtaken = house.store.rehearsal(house.acme, 'x', at(position), async (scope) => {
    await readMessages(scope);
    await legacy(INSERT_MESSAGE);
    await house.catchUp();
    return writeMessage(scope).catch(() => 'refused');
  });
  expect(await reasonOf(overtaken)).toBe('in_motion');
  const now = await house.catchUp();
  const mistaken = await house.store.rehearsal(house.acme, 'x', at(now, { chat_message: 1 }), (scope) =>
    writeMessage(scope).catch((error: { code?: string }) => error.code),
  );
  expect(mistaken.result).toBe('P2002');
});

test('five hundred rehearsed writes leave every table of the store bit for bit as it was', async () => {
  const position = await house.catchUp();
  const tables = async () => {
    const banyan = await house.superuser.query(
      `SELECT (SELECT json_agg(t ORDER BY t::text) FROM banyan.id_counter t) AS counters, (SELECT json_agg(t ORDER BY t::text) FROM banyan.row_standing t) AS apart,
         (SELECT count(*) FROM banyan.row_change) AS changes`,
    );
    return hashDump([await dumpRows(house.superuser, { tenantId: 1 }), banyan.rows]);
  };
  const before = await tables();
  const write = async (scope: TenantStore) => {
    const id = await writeMessage(scope);
    await scope.within((tx) =>
      tx.chatMessage.deleteMany({ where: { tenantId: tx.tenantId, id: { lt: 4 } } }),
    );
    await scope.within((tx) =>
      tx.authUser.updateMany({ where: { tenantId: tx.tenantId }, data: { lastName: 'x' } }),
    );
    return id;
  };
  const lane = async () => {
    for (let nr = 0; nr < 125; nr += 1) await house.store.rehearsal(house.acme, 'x', at(position), write);
  };
  // Side by side they meet on the same rows: one waits for the other, and then it is as if that had never been.
  await Promise.all([lane(), lane(), lane(), lane()]);
  expect(await tables()).toBe(before);
  expect(TENANT_TABLES).toHaveLength(7);
}, 120_000);

test("a rehearsal that hangs on rows that legacy changes is ended, and legacy's rows go on", async () => {
  const position = await house.catchUp();
  let hang: (() => void) | undefined;
  const hanging = house.store.rehearsal(house.acme, 'x', at(position), async (scope) => {
    await scope.within((tx) =>
      tx.authUser.updateMany({ where: { tenantId: tx.tenantId }, data: { lastName: 'held' } }),
    );
    await new Promise<void>((resolve) => {
      hang = resolve;
    });
    await readMessages(scope);
  });
  const ended = hanging.catch((error: unknown) => error);
  await wait(100);
  await legacy(`UPDATE acme.auth_user SET last_name = 'legacy goes on'`);
  const beganMs = performance.now();
  await house.catchUp();
  expect(performance.now() - beganMs).toBeLessThan(3_000);
  hang?.();
  expect(await ended).toBeInstanceOf(StoreUnavailable);
  expect(await dumpRows(house.superuser, { tenantId: 1 })).toEqual(
    await dumpRows(house.legacy, { schema: 'acme' }),
  );
});
