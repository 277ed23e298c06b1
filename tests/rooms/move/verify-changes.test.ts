import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Proof, Since } from '../../../src/move/verify/index.ts';
import { connect } from '../../support/follow.ts';
import { DAMAGES, plant } from './damages.ts';
import { ODD, startVerifyHouse, type VerifyHouse } from './verify-house.ts';

// What is compared while writes are held: only rows that were written since the proof before, and the sums of the tables.

let house: VerifyHouse;
beforeAll(async () => {
  house = await startVerifyHouse();
});
afterAll(() => house.close());

const settle = async () => undefined;

async function proveLive(): Promise<Since> {
  const proof = await house.verify(1, { settle });
  expect(proof.kind).toBe('equal');
  if (proof.since === undefined) throw new Error('a live proof says since when');
  return proof.since;
}

const findingsOf = (proof: Proof) => (proof.kind === 'different' ? proof.findings : []);

const onBoth = async (ofLegacy: string, ofStore: string) => {
  await house.legacy.query(ofLegacy);
  await house.fresh.query(`SET banyan.note = 'copy'; ${ofStore}; RESET banyan.note`);
};

describe.each(['legacy', 'new'] as const)('damage on the side %s after the live proof', (side) => {
  test('row-119-corruption: each kind is found among what has changed, and named as by a whole look', async () => {
    for (const [kind, damage] of Object.entries(DAMAGES)) {
      const since = await proveLive();
      const mend = await plant(house, side, damage);
      const [held, whole] = [await house.verify(1, { since }), await house.verify()];
      await mend();
      expect([kind, held.kind]).toEqual([kind, 'different']);
      // A row that is gone is told of where nothing else is.
      expect(findingsOf(held)).not.toEqual([]);
      expect([kind, findingsOf(whole)]).toEqual([kind, expect.arrayContaining([...findingsOf(held)])]);
    }
  });
});

test('rows that are equal again, new on both sides or gone on both are no difference', async () => {
  const since = await proveLive();
  await onBoth(
    `INSERT INTO acme.${ODD} (id, note) VALUES (60, 'new'); UPDATE acme.chat_message SET body = 'x' WHERE id = 3; DELETE FROM acme.ai_job WHERE id = 5`,
    `INSERT INTO ${ODD} (tenant_id, id, note) VALUES (1, 60, 'new'); UPDATE chat_message SET body = 'x' WHERE tenant_id = 1 AND id = 3; DELETE FROM ai_job WHERE tenant_id = 1 AND id = 5`,
  );
  const proof = await house.verify(1, { since });
  expect(proof.kind).toBe('equal');
  expect(proof.rows).toBe((await house.verify()).rows);
});

test('one row gone here and another one there leave the numbers equal, and are found all the same', async () => {
  const since = await proveLive();
  const mends = [
    await plant(house, 'legacy', {
      table: 'files_chunk',
      sql: ['DELETE FROM $place WHERE file_id = 1 AND seq = 0 AND $acme'],
      seen: {},
    }),
  ];
  await house.fresh.query('DELETE FROM files_chunk WHERE tenant_id = 1 AND file_id = 2 AND seq = 0');
  const proof = await house.verify(1, { since });
  expect(findingsOf(proof).map(({ key, what }) => [key, what])).toEqual(
    expect.arrayContaining([
      ['{"file_id":1,"seq":0}', 'missing_on_legacy'],
      ['{"file_id":2,"seq":0}', 'missing_on_new'],
    ]),
  );
  for (const mend of mends) await mend();
  await house.legacy.query('DELETE FROM acme.files_chunk WHERE file_id = 2 AND seq = 0');
  expect((await house.verify()).kind).toBe('equal');
});

test('what a transaction has written that was open at the live proof counts, in a subtransaction as well', async () => {
  const late = await connect(house.legacyUrl);
  await late.query(`BEGIN; UPDATE acme.${ODD} SET note = 'late' WHERE id = 1; SAVEPOINT one; UPDATE acme.${ODD} SET note = 'later' WHERE id = 2;
    RELEASE one`);
  await house.legacy.query(`UPDATE acme.chat_channel SET topic = topic WHERE id = 1`);
  const since = await proveLive();
  await late.query('COMMIT');
  await late.end();
  const proof = await house.verify(1, { since });
  expect(
    findingsOf(proof)
      .map(({ key }) => key)
      .toSorted(),
  ).toEqual(['{"id":1}', '{"id":2}']);
  await house.fresh.query(
    `SET banyan.note = 'copy'; UPDATE ${ODD} SET note = CASE id WHEN 1 THEN 'late' ELSE 'later' END WHERE tenant_id = 1 AND id IN (1, 2)`,
  );
  expect((await house.verify(1, { since })).kind).toBe('equal');
});

test('rows that a vacuum has frozen, or moved, have not changed', async () => {
  const client = await connect(house.legacyUrl);
  const countChanged = async ({ legacy }: Since) => {
    const { rows } = await client.query<{ n: number }>(
      `SELECT (SELECT count(*) FROM acme.${ODD} WHERE age(xmin) <= age($1::xid))::int + (SELECT count(*) FROM acme.chat_message WHERE age(xmin) <= age($1::xid))::int AS n`,
      [legacy.moment.xid],
    );
    return rows[0]?.n;
  };
  // Whoever else has a transaction open on the same server makes a proof's moment an earlier one, in which the rows of the tests before were changed.
  let since = await proveLive();
  for (let time = 0; time < 40 && (await countChanged(since)) !== 0; time += 1) {
    await wait(500);
    since = await proveLive();
  }
  await house.legacy.query(`VACUUM (FREEZE) acme.${ODD}`);
  await house.legacy.query('VACUUM (FULL, FREEZE) acme.chat_message');
  await house.fresh.query('VACUUM (FREEZE)');
  expect(await countChanged(since)).toBe(0);
  await client.end();
  expect((await house.verify(1, { since })).kind).toBe('equal');
});

test('a column that comes meanwhile with a value for all rows writes none of them, and is compared all the same', async () => {
  const since = await proveLive();
  await onBoth(
    `ALTER TABLE acme.${ODD} ADD COLUMN added integer DEFAULT 1`,
    `ALTER TABLE ${ODD} ADD COLUMN added integer DEFAULT 2`,
  );
  const proof = await house.verify(1, { since });
  expect(findingsOf(proof)[0]).toMatchObject({ table: ODD, what: 'different', columns: ['added'] });
  await onBoth(`ALTER TABLE acme.${ODD} DROP COLUMN added`, `ALTER TABLE ${ODD} DROP COLUMN added`);
});

test('a server that is another one since is looked at whole', async () => {
  const since = await proveLive();
  const other = { ...since, fresh: { ...since.fresh, moment: { ...since.fresh.moment, server: 'another' } } };
  // As if nothing had been written since: a look at changes would see nothing.
  const blind = { ...other.fresh.moment, xid: '4000000000' };
  const mend = await plant(house, 'new', {
    table: ODD,
    sql: [`UPDATE $place SET note = 'x' WHERE id = 2 AND $acme`],
    seen: {},
  });
  const proof = await house.verify(1, { since: { ...other, fresh: { ...other.fresh, moment: blind } } });
  await mend();
  expect(proof.kind).toBe('different');
});

test('where too much has changed the whole table is looked at', async () => {
  const since = await proveLive();
  await house.legacy.query(
    `INSERT INTO acme.${ODD} (id, note) SELECT n, 'many' FROM generate_series(1001, 21500) n`,
  );
  const before = await house.verify(1, { since });
  expect(before).toMatchObject({ kind: 'different', count: 20_500 });
  await house.fresh.query(
    `SET banyan.note = 'copy'; INSERT INTO ${ODD} (tenant_id, id, note) SELECT 1, n, 'many' FROM generate_series(1001, 21500) n`,
  );
  expect(await house.verify(1, { since })).toMatchObject({ kind: 'equal', rows: before.rows });
});
