import pg from 'pg';
import type { Mapping } from '../../vocabulary/index.ts';
import { copyAllIn, copyOut } from '../copy-rows.ts';
import { codeOf } from '../database-errors.ts';
import type { ProofSlice } from '../proof-reading.ts';
import { fromSlices, type ProofPlace, selectSlices } from '../proof-sql.ts';
import { type ArrivedTable, noteArrival } from './arrival.ts';
import { type CopiedTable, emptyPlaces, fillBeside, placeBeside } from './copied-tables.ts';
import type { CopyRun } from './copy-run.ts';
import { type LegacyTenant, listColumns } from './legacy-moment.ts';

export type Levelled = Readonly<{
  tenant: LegacyTenant;
  arrived: ReadonlyMap<string, ArrivedTable>;
  /** In legacy's moment. */
  legacy: pg.ClientBase;
  /** In a transaction inside the tenant's fence, with places beside the tables. */
  client: pg.ClientBase;
}>;

type Unequal = Readonly<{ table: CopiedTable; last: ArrivedTable; slices: readonly number[]; rows: number }>;

/**
 * Brings what has arrived of a tenant to legacy's moment, in the caller's transaction: both sides hash their rows, as a proof does, and only
 * rows of unequal slices are read again. What legacy has no more goes, what differs is written anew. Answers how many rows were read.
 */
export async function levelTenant(run: CopyRun, work: Levelled): Promise<number> {
  await work.client.query(`${emptyPlaces(run.tables)}; SET CONSTRAINTS ALL DEFERRED`);
  const unequal = await findUnequal(run, work);
  let read = await takeUnequal(run, work, unequal);
  if (!(await repair(work, unequal, 'row_by_row'))) {
    // Rows have exchanged what only one of them may have: they make room first. Whatever a cascade took with them is found missing then.
    await repair(work, unequal, 'make_room');
    await work.client.query(emptyPlaces(run.tables));
    const missing = await findUnequal(run, work);
    read += await takeUnequal(run, work, missing);
    await repair(work, missing, 'row_by_row');
  }
  await work.client.query('SET CONSTRAINTS ALL IMMEDIATE');
  return read;
}

async function findUnequal(run: CopyRun, work: Levelled): Promise<readonly Unequal[]> {
  const unequal: Unequal[] = [];
  for (const table of run.tables) {
    run.signal.throwIfAborted();
    const last = work.arrived.get(table.name);
    if (last !== undefined) unequal.push(await compareTable(run, work, table, last));
  }
  return unequal;
}

async function compareTable(
  { mapping }: CopyRun,
  { tenant, legacy, client }: Levelled,
  table: CopiedTable,
  last: ArrivedTable,
): Promise<Unequal> {
  const [one, other] = await Promise.all([
    legacy.query<ProofSlice>(selectSlices(legacyPlace(tenant, table, last, mapping), table.proven)),
    client.query<ProofSlice>(selectSlices({ schema: 'public', tenant: tenant.id }, table.proven)),
  ]);
  const print = ({ slice, rows, hash }: ProofSlice) => `${slice} ${rows} ${hash}`;
  const [before, after] = [new Set(one.rows.map(print)), new Set(other.rows.map(print))];
  const differing = [
    ...one.rows.filter((slice) => !after.has(print(slice))),
    ...other.rows.filter((slice) => !before.has(print(slice))),
  ];
  const rows = one.rows.reduce((sum, slice) => sum + slice.rows, 0);
  return { table, last, rows, slices: [...new Set(differing.map(({ slice }) => slice))] };
}

/** What should be here: of a table that has not arrived whole, the rows up to the last one. */
function legacyPlace(
  { schema }: LegacyTenant,
  { keys }: CopiedTable,
  { lastKey }: ArrivedTable,
  mapping: Mapping,
): ProofPlace {
  if (lastKey === undefined) return { schema, mapping };
  const upTo = lastKey.map(pg.escapeLiteral).join(', ');
  return { schema, mapping, only: `(${keys.map((key) => `t.${key}`).join(', ')}) <= (${upTo})` };
}

/** Legacy's rows of the unequal slices are put beside the store's tables. */
async function takeUnequal(run: CopyRun, work: Levelled, unequal: readonly Unequal[]): Promise<number> {
  let read = 0;
  for (const { table, last, slices, rows } of unequal) {
    const { tenant, legacy, client } = work;
    await client.query(noteArrival(tenant.id, table.name, { ...last, rows }, 'anew'));
    if (slices.length === 0) continue;
    const from = fromSlices(legacyPlace(tenant, table, last, run.mapping), table.proven, slices);
    const rowsOf = `${listColumns(tenant, table.columns)} ${from}`;
    for await (const piece of copyOut(legacy, `COPY (${rowsOf}) TO STDOUT`)) {
      const [tag = ''] = await copyAllIn(client, fillBeside(table), [[piece]]);
      const count = Number(tag.split(' ').at(-1));
      run.pace.note(count);
      read += count;
      run.signal.throwIfAborted();
    }
  }
  return read;
}

type RepairManner = 'row_by_row' | 'make_room';

/** Children go first and come last. False: a key that only one row may have stands in the way, and nothing was changed. */
async function repair(
  { tenant, client }: Levelled,
  unequal: readonly Unequal[],
  manner: RepairManner,
): Promise<boolean> {
  const found = unequal.filter(({ slices }) => slices.length > 0);
  await client.query('SAVEPOINT repair');
  try {
    for (const { table, slices } of found.toReversed())
      await client.query(deleteGone(tenant, table, slices, manner));
    for (const { table } of found) await client.query(writeDifferent(table));
    return true;
  } catch (error) {
    if (manner === 'make_room' || codeOf(error) !== '23505') throw error;
    await client.query('ROLLBACK TO SAVEPOINT repair');
    return false;
  }
}

/**
 * A row of an unequal slice that legacy does not have in one of those: it would stand in an equal slice otherwise, and would be here twice.
 * To make room all rows of unequal slices go.
 */
function deleteGone(
  { id }: LegacyTenant,
  table: CopiedTable,
  slices: readonly number[],
  manner: RepairManner,
): string {
  const place: ProofPlace = { schema: 'public', tenant: id };
  const same = table.keys.map((key) => `b.${key} = t.${key}`).join(' AND ');
  const kept =
    manner === 'make_room' ? '' : ` AND NOT EXISTS (SELECT FROM ${placeBeside(table)} b WHERE ${same})`;
  const keys = table.keys.join(', ');
  const gone = `SELECT ${table.keys.map((key) => `t.${key}`).join(', ')} ${fromSlices(place, table.proven, slices)}${kept}`;
  return `DELETE FROM ${table.place} WHERE tenant_id = ${Number(id)} AND (${keys}) IN (${gone})`;
}

function writeDifferent(table: CopiedTable): string {
  const others = table.columns.filter((column) => !table.keys.includes(column));
  const list = `tenant_id, ${table.columns.join(', ')}`;
  const insert = `INSERT INTO ${table.place} AS t (${list}) SELECT ${list} FROM ${placeBeside(table)}`;
  const conflict = `ON CONFLICT (tenant_id, ${table.keys.join(', ')})`;
  if (others.length === 0) return `${insert} ${conflict} DO NOTHING`;
  const row = (of: string) => `ROW(${others.map((column) => `${of}.${column}`).join(', ')})`;
  // As text: -0 is not 0, and json has no equality of its own.
  return `${insert} ${conflict} DO UPDATE SET ${others.map((one) => `${one} = EXCLUDED.${one}`).join(', ')}
    WHERE ${row('t')}::text <> ${row('EXCLUDED')}::text`;
}
