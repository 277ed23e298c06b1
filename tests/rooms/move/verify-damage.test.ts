import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DAMAGES, plant } from './damages.ts';
import { ODD, startVerifyHouse, type VerifyHouse } from './verify-house.ts';

let house: VerifyHouse;
beforeAll(async () => {
  house = await startVerifyHouse();
});
afterAll(() => house.close());

describe.each(['legacy', 'new'] as const)('damage on the side %s', (side) => {
  test.each(Object.entries(DAMAGES))('row-115-types: is found: %s', async (_, damage) => {
    const mend = await plant(house, side, damage);
    try {
      const proof = await house.verify();
      const found = proof.kind === 'different' ? proof.findings : [];
      expect(found).toHaveLength(Object.keys(damage.seen).length);
      for (const { table, key, what, columns } of found) {
        expect(table).toBe(damage.table);
        const seen = damage.seen[key] ?? damage.seen['*'];
        if (seen === 'missing') expect(what).toBe(side === 'new' ? 'missing_on_new' : 'missing_on_legacy');
        else if (seen === 'too_many')
          expect(what).toBe(side === 'new' ? 'missing_on_legacy' : 'missing_on_new');
        else {
          expect(what).toBe('different');
          if (seen?.[0] === '*') expect(columns.length).toBeGreaterThan(3);
          else expect(columns).toEqual(seen);
        }
      }
      expect(JSON.stringify(found)).not.toMatch(/plain|nobody wrote|Ada|2026-/);
    } finally {
      await mend();
    }
    expect((await house.verify()).kind).toBe('equal');
  });
});

test("another tenant's row is found by both: one has it too many, the other misses it", async () => {
  const sql = 'UPDATE files_file SET tenant_id = 2, id = 900 WHERE tenant_id = 1 AND id = 1';
  const mend = await plant(house, 'new', { table: 'files_file', sql: [sql], seen: {} });
  try {
    expect(await house.verify(1)).toMatchObject({
      count: 1,
      findings: [{ key: '{"id":1}', what: 'missing_on_new' }],
    });
    expect(await house.verify(2)).toMatchObject({
      count: 1,
      findings: [{ key: '{"id":900}', what: 'missing_on_legacy' }],
    });
  } finally {
    await mend();
  }
  expect((await house.verify(2)).kind).toBe('equal');
});

test('what PostgreSQL holds to be the same is the same: the order of keys in jsonb, the text of a time', async () => {
  const same = [
    `UPDATE $place SET doc = '{"b": [1, null], "a": 1.0}', seen = '2026-01-05T10:30:00.123456+01' WHERE id = 1 AND $acme`,
  ];
  const mend = await plant(house, 'legacy', { table: ODD, sql: same, seen: {} });
  expect((await house.verify()).kind).toBe('equal');
  await mend();
});

test('of many unequal rows all are counted and twenty are told', async () => {
  const sql = [
    `INSERT INTO $place ($tenant id, note) SELECT $one id, 'too many' FROM generate_series(1000, 25999) id`,
  ];
  const mend = await plant(house, 'legacy', { table: ODD, sql, seen: {} });
  const proof = await house.verify();
  await mend();
  expect(proof).toMatchObject({ kind: 'different', count: 25_000, rows: expect.any(Number) });
  expect(proof.kind === 'different' && proof.findings).toHaveLength(20);
});
