import pg from 'pg';
import type { Mapping } from '../../vocabulary/index.ts';
import { codeOf } from '../trouble.ts';
import type { CatalogTable } from './catalog.ts';
import { TENANT_COLUMN } from './expected.ts';
import { type Flaw, note, stop } from './finding.ts';

/** One table of one tenant: as the store has it, and as legacy has it by the store's names. */
export type MeasureWish = Readonly<{
  source: CatalogTable;
  target: CatalogTable;
  mapping: Mapping;
}>;

/** What is counted, and what it means where it is not none. */
type Count = Readonly<{ sql: string; tell(rows: string): Flaw }>;

// PostgreSQL 16 and newer can be asked whether a text would be taken without an error.
const ASKS_INPUT = 160_000;

/**
 * Counts rows that the store would not take as they are: NULLs, values of another type or length, duplicates, rows that refer to nothing,
 * rows that a CHECK refuses. Also where legacy's own constraints are there and were never validated. Answers how many rows there are.
 */
export async function measureTable(
  client: pg.ClientBase,
  wish: MeasureWish,
  serverVersion: number,
): Promise<Readonly<{ rows: number; flaws: readonly Flaw[] }>> {
  const counts = listCounts(wish, serverVersion);
  const columns = [
    '(SELECT count(*) FROM t)::text AS rows',
    ...counts.map(({ sql }, nr) => `(${sql})::text AS c${nr}`),
  ];
  const sql = `WITH t AS NOT MATERIALIZED (${selectRows(wish)}) SELECT ${columns.join(', ')}`;
  try {
    const { rows } = await client.query<Record<string, string>>(sql);
    const [found = {}] = rows;
    const flaws = counts.flatMap(({ tell }, nr) => {
      const count = found[`c${nr}`] ?? '0';
      return count === '0' ? [] : [tell(count)];
    });
    return { rows: Number(found.rows), flaws };
  } catch (error) {
    // Out of time, or gone: that is about all tables.
    if (/^$|^(57|08|53|58)/.test(codeOf(error))) throw error;
    const sentence = `Its rows could not be measured (${codeOf(error)}): legacy's PostgreSQL does not understand what the store demands of them.`;
    return { rows: 0, flaws: [note('not_measured', wish.source.name, sentence)] };
  }
}

function selectRows({ source, target, mapping }: MeasureWish): string {
  const own = new Set(source.columns.map(({ name }) => name));
  const columns = target.columns
    .filter(({ name }) => own.has(name))
    .map(({ name }) => `${quote(mapping.toLegacyColumn(target.name, name) ?? name)} AS ${quote(name)}`);
  const table = mapping.toLegacyTable(target.name) ?? target.name;
  return `SELECT ${columns.join(', ')} FROM ${quote(source.schema)}.${quote(table)}`;
}

function listCounts(wish: MeasureWish, serverVersion: number): readonly Count[] {
  return [
    ...countNulls(wish),
    ...(serverVersion >= ASKS_INPUT ? countMisfits(wish) : []),
    ...countDuplicates(wish),
    ...countOrphans(wish),
    ...countRefused(wish),
  ];
}

const ownColumns = ({ source }: MeasureWish) =>
  new Map(source.columns.map((column) => [column.name, column]));
const withoutTenant = (columns: readonly string[]) => columns.filter((column) => column !== TENANT_COLUMN);
const hasAll = (wish: MeasureWish, columns: readonly string[]) =>
  columns.every((column) => ownColumns(wish).has(column));

function countNulls(wish: MeasureWish): readonly Count[] {
  const own = ownColumns(wish);
  return wish.target.columns
    .filter(({ name, isRequired }) => isRequired && own.get(name)?.isRequired === false)
    .map(({ name }) => ({
      sql: `SELECT count(*) FROM t WHERE ${quote(name)} IS NULL`,
      tell: (rows) =>
        stop(
          'rows_unfit',
          `${wish.target.name}.${name}`,
          `${rows} rows have NULL there, which the store refuses. Fill them.`,
        ),
    }));
}

/** By their texts: what the store's type makes of a text must be the same text again. */
function countMisfits(wish: MeasureWish): readonly Count[] {
  const own = ownColumns(wish);
  return wish.target.columns
    .filter(({ name, type }) => own.has(name) && own.get(name)?.type !== type)
    .map(({ name, type }) => {
      const text = `${quote(name)}::text`;
      const isSame = `CASE WHEN pg_input_is_valid(${text}, ${pg.escapeLiteral(type)}) THEN (${text}::${type})::text = ${text} ELSE false END`;
      return {
        sql: `SELECT count(*) FROM t WHERE ${quote(name)} IS NOT NULL AND NOT ${isSame}`,
        tell: (rows) =>
          stop(
            'rows_unfit',
            `${wish.target.name}.${name}`,
            `${rows} values do not fit ${type}, or would not come back the same: too long, out of range, or of another scale. Mend them, or make the types one.`,
          ),
      };
    });
}

function countDuplicates(wish: MeasureWish): readonly Count[] {
  const print = (columns: readonly string[]) => withoutTenant(columns).toSorted().join(', ');
  const known = new Set(
    wish.source.keys.filter(({ special }) => special === '').map(({ columns }) => print(columns)),
  );
  return wish.target.keys
    .filter(({ special, columns }) => special === '' && !known.has(print(columns)))
    .map(({ columns }) => withoutTenant(columns))
    .filter((columns) => columns.length > 0 && hasAll(wish, columns))
    .map((columns) => {
      const names = columns.map(quote).join(', ');
      const known = columns.map((column) => `${quote(column)} IS NOT NULL`).join(' AND ');
      return {
        sql: `SELECT count(*) FROM (SELECT FROM t WHERE ${known} GROUP BY ${names} HAVING count(*) > 1) d`,
        tell: (rows) =>
          stop(
            'rows_unfit',
            wish.target.name,
            `${rows} values of (${columns.join(', ')}) are there more than once, and the store has them as a key. Leave one of each.`,
          ),
      };
    });
}

function countOrphans(wish: MeasureWish): readonly Count[] {
  const { source, target, mapping } = wish;
  return target.references
    .map(({ columns, table, targets }) => ({
      columns: withoutTenant(columns),
      table,
      targets: withoutTenant(targets),
    }))
    .filter(({ columns }) => columns.length > 0 && hasAll(wish, columns))
    .map(({ columns, table, targets }) => {
      const parent = `${quote(source.schema)}.${quote(mapping.toLegacyTable(table) ?? table)}`;
      const pairs = columns.map(
        (column, nr) =>
          `p.${quote(mapping.toLegacyColumn(table, targets[nr] ?? '') ?? targets[nr] ?? '')} = t.${quote(column)}`,
      );
      const refers = columns.map((column) => `t.${quote(column)} IS NOT NULL`).join(' AND ');
      return {
        sql: `SELECT count(*) FROM t WHERE ${refers} AND NOT EXISTS (SELECT FROM ${parent} p WHERE ${pairs.join(' AND ')})`,
        tell: (rows) =>
          stop(
            'rows_unfit',
            target.name,
            `${rows} rows refer by (${columns.join(', ')}) to rows of ${table} that are not there. Restore those, or remove these.`,
          ),
      };
    });
}

function countRefused({ target }: MeasureWish): readonly Count[] {
  return target.rules.map((rule) => ({
    sql: `SELECT count(*) FROM t WHERE NOT (${rule})`,
    tell: (rows) =>
      stop('rows_unfit', target.name, `${rows} rows do not hold to the store's CHECK ${rule}. Mend them.`),
  }));
}

const quote = pg.escapeIdentifier;
