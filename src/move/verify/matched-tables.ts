import type { ProofColumn, ProvenTable } from '../../store/index.ts';
import { VerifyTrouble } from './trouble.ts';

/** A column that is not compared, or whose text is but whose type is not the same. */
export type ColumnApart = Readonly<{
  table: string;
  column: string;
  what: 'only_on_legacy' | 'only_on_new' | 'other_type';
}>;

export type MatchedTables = Readonly<{ tables: readonly ProvenTable[]; apart: readonly ColumnApart[] }>;

type Columns = readonly ProofColumn[];

const WHOLE_NUMBERS = new Set(['int2', 'int4', 'int8']);

/** Which columns of the wished tables both sides have. Throws VerifyTrouble where a table or a key is not on both. */
export function matchTables(names: readonly string[], legacy: Columns, fresh: Columns): MatchedTables {
  const matched = names.map((name) =>
    matchTable(
      name,
      legacy.filter(({ table }) => table === name),
      fresh.filter(({ table }) => table === name),
    ),
  );
  return { tables: matched.map(({ table }) => table), apart: matched.flatMap(({ apart }) => apart) };
}

function matchTable(name: string, legacy: Columns, fresh: Columns) {
  if (legacy.length === 0) throw new VerifyTrouble(`Legacy has no table ${name} in the tenant's schema.`);
  const keys = fresh.filter(({ isKey }) => isKey).map((column) => column.name);
  if (keys.length === 0)
    throw new VerifyTrouble(`The new store has no table ${name} with a key of its own beside the tenant.`);
  const types = new Map(legacy.map((column) => [column.name, column.type]));
  const missing = keys.filter((key) => !types.has(key));
  if (missing.length > 0)
    throw new VerifyTrouble(`Legacy's table ${name} lacks ${missing.join(', ')}, by which rows are found.`);
  const both = fresh.filter((column) => types.has(column.name));
  const bytes = both.filter(({ name, type }) => type === 'bytea' && types.get(name) === type);
  const columns = both.map((column) => column.name).toSorted();
  const whole = keys.filter((key) =>
    [types.get(key), fresh.find((column) => column.name === key)?.type].every((type) =>
      WHOLE_NUMBERS.has(type ?? ''),
    ),
  );
  const table = {
    name,
    keys,
    columns,
    bytes: new Set(bytes.map((column) => column.name)),
    numbers: new Set(whole),
  };
  return { table, apart: listApart(name, legacy, fresh) };
}

function listApart(table: string, legacy: Columns, fresh: Columns): readonly ColumnApart[] {
  const [before, after] = [legacy, fresh].map((side) => new Map(side.map(({ name, type }) => [name, type])));
  const names = [...new Set([...legacy, ...fresh].map(({ name }) => name))].toSorted();
  return names.flatMap((column) => {
    const [one, other] = [before?.get(column), after?.get(column)];
    if (one === other) return [];
    const what = other === undefined ? 'only_on_legacy' : one === undefined ? 'only_on_new' : 'other_type';
    return [Object.freeze({ table, column, what } as const)];
  });
}
