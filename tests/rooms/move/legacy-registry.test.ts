import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { LegacyRegistry } from '../../../src/move/legacy-registry.ts';

type Line = { id: number; name: string; schema_name: string };

/** Legacy as other sessions see it: a moment later than its log says it. */
function open(...lines: Line[]) {
  const seen = { lines };
  const pool = { query: async () => ({ rows: seen.lines }) } as unknown as pg.Pool;
  return { seen, registry: new LegacyRegistry(pool) };
}

const update = (id: number, name: string, schema_name: string) =>
  ({
    table: 'tenants_tenant',
    change: 'update',
    old: undefined,
    row: { id: String(id), name, schema_name },
  }) as const;

test('row-118-schema-names: schemas that exchange their tenants do so where the log says it, though legacy still shows the old names', async () => {
  const { registry } = open(
    { id: 8, name: 'acme', schema_name: 'one' },
    { id: 9, name: 'globex', schema_name: 'other' },
  );
  expect([await registry.find('one'), await registry.find('other')]).toEqual([8, 9]);
  registry.heed(update(8, 'acme', 'other'));
  registry.heed(update(9, 'globex', 'one'));
  expect([await registry.find('one'), await registry.find('other')]).toEqual([9, 8]);
  expect([registry.nameOf(8 as never), registry.nameOf(9 as never)]).toEqual(['acme', 'globex']);
});

test('a tenant that is taken out of the registry is nobody’s, and a new one is known at once', async () => {
  const { registry } = open({ id: 8, name: 'acme', schema_name: 'one' });
  expect(await registry.find('one')).toBe(8);
  registry.heed({ table: 'tenants_tenant', change: 'delete', old: { id: '8' } });
  expect(await registry.find('one')).toBeUndefined();
  registry.heed({
    table: 'tenants_tenant',
    change: 'insert',
    row: { id: '10', name: 'initech', schema_name: 'one' },
  });
  expect(await registry.find('one')).toBe(10);
});
