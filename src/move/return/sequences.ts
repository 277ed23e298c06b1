import pg from 'pg';
import { EQUAL_NAMES, type Mapping } from '../../vocabulary/index.ts';

/** By table of the new side, the id that its sequence gives out next. Tables without a sequence are missing. */
export type NextIds = Readonly<Record<string, number>>;

type Sequence = Readonly<{ table: string; sequence: string; increment: number }>;

/** Reads legacy's sequences of these tables in one tenant's schema: of serial and identity columns, and of any default that asks one. */
export async function readSequences(
  legacy: pg.Pool,
  schema: string,
  tables: readonly string[],
  mapping: Mapping = EQUAL_NAMES,
): Promise<NextIds> {
  const sequences = await findSequences(legacy, schema, tables, mapping);
  if (sequences.length === 0) return {};
  const { rows } = await legacy.query<{ table: string; next: string }>(
    sequences.map(askNext).join(' UNION ALL '),
  );
  return Object.fromEntries(rows.map(({ table, next }) => [table, Number(next)]));
}

/** Legacy's sequences go on with these ids, and never back. */
export async function advanceSequences(
  legacy: pg.Pool,
  schema: string,
  nextIds: NextIds,
  mapping: Mapping = EQUAL_NAMES,
): Promise<void> {
  for (const one of await findSequences(legacy, schema, Object.keys(nextIds), mapping)) {
    const next = nextIds[one.table];
    if (next === undefined) continue;
    await legacy.query(
      `SELECT setval($1::text::regclass, $2::bigint, false) FROM (${askNext(one)}) s WHERE s.next < $2::bigint`,
      [one.sequence, next],
    );
  }
}

// Not from pg_sequences: that is silent about a sequence that was set and not asked since.
const askNext = ({ table, sequence, increment }: Sequence) =>
  `SELECT ${pg.escapeLiteral(table)} AS table, CASE WHEN is_called THEN last_value + ${increment} ELSE last_value END AS next FROM ${sequence}`;

/** One a table: that of its key, where it has several. Django's older serials are not owned by their columns, so the defaults are asked, too. */
async function findSequences(
  legacy: pg.Pool,
  schema: string,
  tables: readonly string[],
  mapping: Mapping,
): Promise<readonly Sequence[]> {
  const { rows } = await legacy.query<Sequence>(
    `SELECT DISTINCT ON (c.relname) c.relname::text AS table, format('%I.%I', sn.nspname, s.relname) AS sequence, q.seqincrement::int AS increment
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
       JOIN pg_depend d ON d.deptype = 'n' AND d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
         OR d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.classid = 'pg_class'::regclass
       JOIN pg_class s ON s.relkind = 'S' AND s.oid = CASE d.deptype WHEN 'n' THEN d.refobjid ELSE d.objid END
       JOIN pg_namespace sn ON sn.oid = s.relnamespace
       JOIN pg_sequence q ON q.seqrelid = s.oid
       LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)
     WHERE n.nspname = $1 AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p')
     ORDER BY c.relname, i.indexrelid IS NULL, a.attnum`,
    [schema, tables.flatMap((table) => mapping.toLegacyTable(table) ?? [])],
  );
  return rows.flatMap((one) => {
    const table = mapping.toNewTable(one.table);
    return table === undefined ? [] : [{ ...one, table }];
  });
}
