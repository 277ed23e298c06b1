import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import {
  type BatchBounds,
  type Carried,
  type OutboxBatch,
  StoreUnavailable,
} from '../../../src/store/index.ts';
import { connect } from '../../support/follow.ts';
import { openTwoTenants, type TwoTenants } from './open.ts';
import { newChannel, newJob, newUser } from './rows.ts';

let house: TwoTenants;
let superuser: pg.Client;
beforeAll(async () => {
  house = await openTwoTenants();
  superuser = await connect(house.database.superUrl);
  await superuser.query(`INSERT INTO banyan.move (feature, tables, state, epoch) VALUES ('jobs', '{ai_job,files_chunk,files_file}', 'moving', 1);
    INSERT INTO banyan.tenure (tenant, feature, owner, step, epoch) VALUES (1, 'jobs', 'new', 'settled', 1)`);
});
afterAll(async () => {
  await superuser.end();
  await house.close();
});
beforeEach(async () => {
  await superuser.query('DELETE FROM banyan.outbox; DELETE FROM banyan.outbox_tenant');
});

const NOTHING = { ids: [], lastAt: '-infinity' };
const ALL = { lines: 1_000, characters: 1_000_000 };
const read = (carried: Carried = NOTHING, bounds: BatchBounds = ALL) =>
  house.store.outbox.read(house.acme.id, carried, bounds);
const show = ({ lines }: OutboxBatch) => lines.map(({ table, change, key }) => `${change} ${table} ${key}`);
const addJobs = (...ids: readonly number[]) =>
  house.store.within(house.acme.name, async (tx) => {
    for (const id of ids) await tx.aiJob.create({ data: newJob(tx, id) });
  });

test('ordinary writes of what the new side owns are there in their order, with keys as they were and whole rows', async () => {
  await addJobs(1, 2);
  await house.store.within(house.acme.name, async (tx) => {
    await tx.aiJob.updateMany({ where: { tenantId: tx.tenantId, id: 1 }, data: { status: 'done' } });
    await tx.aiJob.updateMany({ where: { tenantId: tx.tenantId, id: 1 }, data: { status: 'done' } });
    await tx.aiJob.updateMany({ where: { tenantId: tx.tenantId, id: 2 }, data: { id: 3 } });
    await tx.aiJob.deleteMany({ where: { tenantId: tx.tenantId, id: 1 } });
  });
  expect(await house.store.outbox.tenants()).toEqual([house.acme.id]);
  const batch = await read();
  expect(show(batch)).toEqual([
    'insert ai_job {"id":1}',
    'insert ai_job {"id":2}',
    'update ai_job {"id":1}',
    'update ai_job {"id":2}',
    'delete ai_job {"id":1}',
  ]);
  expect(batch.lines.map(({ isRekeyed }) => isRekeyed)).toEqual([false, false, false, true, false]);
  expect(batch.lines.map(({ image }) => image && JSON.parse(image).id)).toEqual([1, 2, 1, 3, undefined]);
  expect([batch.isComplete, batch.transactions.length]).toEqual([true, 2]);
  await house.store.outbox.remove(house.acme.id, batch);
  expect(await read()).toEqual({ lines: [], isComplete: true, transactions: [] });
  expect(await house.store.outbox.tenants()).toEqual([]);
});

test('what nobody moves, and what is undone, is not', async () => {
  await house.store.within(house.acme.name, (tx) => tx.chatChannel.create({ data: newChannel(tx, 1, 'c') }));
  await house.store.rehearse(house.acme.name, (tx) => tx.aiJob.create({ data: newJob(tx, 9) }));
  const failing = house.store.within(house.acme.name, async (tx) => {
    await tx.aiJob.create({ data: newJob(tx, 9) });
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  await house.store.within(house.globex.name, (tx) => tx.authUser.create({ data: newUser(tx, 9, 'x') }));
  expect(await house.store.outbox.tenants()).toEqual([]);
  expect((await read()).lines).toEqual([]);
});

test('the new side may not write what legacy owns', async () => {
  const refused = house.store.within(house.globex.name, (tx) => tx.aiJob.create({ data: newJob(tx, 1) }));
  await expect(refused).rejects.toThrow();
  expect(await house.store.outbox.tenants()).toEqual([]);
});

test('a batch ends at its bounds, and only the last one takes the transactions away', async () => {
  await addJobs(...Array.from({ length: 130 }, (_, nr) => 1_000 + nr));
  const seen: string[] = [];
  for (let round = 0; ; round += 1) {
    const batch = await read(NOTHING, { ...ALL, lines: 60 });
    seen.push(...show(batch));
    expect(batch.lines.length).toBeLessThanOrEqual(60);
    await house.store.outbox.remove(house.acme.id, batch);
    expect(await house.store.outbox.tenants()).toHaveLength(batch.isComplete ? 0 : 1);
    if (batch.isComplete) break;
    expect(round).toBeLessThan(4);
  }
  expect(seen).toHaveLength(130);
  expect(new Set(seen).size).toBe(130);
});

test('large rows end a batch early, and one always fits', async () => {
  await superuser.query(`INSERT INTO files_file VALUES (1, 1, 1, 'f', '', 1, 'x', now());
    INSERT INTO files_chunk SELECT 1, 1, s, decode(repeat(md5(s::text), 10000), 'hex') FROM generate_series(1, 200) s`);
  const batch = await read(NOTHING, { lines: 1_000, characters: 1 });
  expect(batch.lines.length).toBeGreaterThan(0);
  expect(batch.lines.length).toBeLessThanOrEqual(50);
  expect(batch.isComplete).toBe(false);
});

test('what legacy has already goes first; a store that began to count anew does not lose its first lines', async () => {
  await addJobs(501, 502, 503);
  const first = await read();
  const [a, b] = first.lines;
  const carried = { ids: [a?.id ?? 0n, b?.id ?? 0n], lastAt: b?.at ?? '' };
  expect(show(await read({ ...carried, lastAt: '2020-01-01 00:00:00+00' }))).toHaveLength(3);
  expect(show(await read(carried))).toEqual(['insert ai_job {"id":503}']);
  expect((await house.store.outbox.pending(house.acme.id)).lines).toBe(1);
});

test('a transaction that is still under way keeps nobody waiting, and its turn comes later', async () => {
  const late = await connect(house.database.superUrl);
  await late.query(`BEGIN; DELETE FROM ai_job WHERE tenant_id = 1 AND id = 501`);
  await addJobs(601);
  const first = await read();
  expect(show(first)).toEqual(['insert ai_job {"id":601}']);
  await late.query('COMMIT');
  await house.store.outbox.remove(house.acme.id, first);
  expect(await house.store.outbox.tenants()).toEqual([house.acme.id]);
  const second = await read();
  expect(show(second)).toEqual(['delete ai_job {"id":501}']);
  expect(second.lines[0]?.id).toBeLessThan(first.lines[0]?.id ?? 0n);
  await late.end();
});

test('pending says how much waits and for how long', async () => {
  expect(await house.store.outbox.pending(house.acme.id)).toEqual({ lines: 0, oldestMs: 0 });
  await addJobs(701, 702);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { lines, oldestMs } = await house.store.outbox.pending(house.acme.id);
  expect(lines).toBe(2);
  expect(oldestMs).toBeGreaterThanOrEqual(45);
});

test('connections that are cut are a trouble of the store, and the next question is answered', async () => {
  await addJobs(801);
  await superuser.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'banyan return' AND datname = current_database()`,
  );
  const answer = await read().catch((error: unknown) => error);
  if (answer instanceof Error) expect(answer).toBeInstanceOf(StoreUnavailable);
  expect(show(await read())).toEqual(['insert ai_job {"id":801}']);
});
