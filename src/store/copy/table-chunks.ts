import pg from 'pg';
import { copyAllIn, copyOut } from '../copy-rows.ts';
import { type ArrivedTable, noteArrival } from './arrival.ts';
import { type CopiedTable, emptyPlaces, fillBeside, makePlaces, moveInside } from './copied-tables.ts';
import { beginInside, type CopyRun, undo, withClient } from './copy-run.ts';
import { type LegacyTenant, selectRowsOf } from './legacy-moment.ts';

const LINE_END = 0x0a;

export type ChunkedTable = Readonly<{
  tenant: LegacyTenant;
  table: CopiedTable;
  arrived: ArrivedTable | undefined;
}>;

/** The rows behind those that have arrived, in the order of the key, each chunk and how far it reaches in one transaction. */
export async function copyChunks(run: CopyRun, legacy: pg.ClientBase, work: ChunkedTable): Promise<void> {
  // Of a table that refers to itself nobody knows which rows come first: it stays in one transaction.
  if (work.table.isCircle || work.table.keys.length === 0) return copyAtOnce(run, legacy, work);
  let chunk = openChunk();
  for await (const piece of takeRows(run, legacy, work)) {
    addPiece(chunk, piece);
    if (chunk.bytes < run.chunkBytes) continue;
    await putChunk(run, work, chunk, readLastKey(work.table, piece));
    chunk = openChunk();
  }
  await putChunk(run, work, chunk, undefined);
}

type Chunk = { readonly pieces: Buffer[]; bytes: number; rows: number };

const openChunk = (): Chunk => ({ pieces: [], bytes: 0, rows: 0 });

function addPiece(chunk: Chunk, piece: Buffer): void {
  chunk.pieces.push(piece);
  chunk.bytes += piece.length;
  chunk.rows += countRows(piece);
}

/** Whole rows, some 64 KB at a time, no faster than they may be taken. */
async function* takeRows(
  { pace, signal, mapping }: CopyRun,
  legacy: pg.ClientBase,
  { tenant, table, arrived }: ChunkedTable,
): AsyncGenerator<Buffer, void, undefined> {
  const keys = table.keys.map((key) => `t.${key}`);
  const last = arrived?.lastKey?.map(pg.escapeLiteral);
  const rows = selectRowsOf(tenant, table, mapping, {
    ...(last && { where: `(${keys.join(', ')}) > (${last.join(', ')})` }),
    order: keys,
  });
  for await (const piece of copyOut(legacy, `COPY (${rows}) TO STDOUT`)) {
    pace.note(countRows(piece));
    yield piece;
    await pace.rest(signal);
  }
}

async function putChunk(
  { owner, tables, onRows }: CopyRun,
  { tenant, table }: ChunkedTable,
  { pieces, bytes, rows }: Chunk,
  lastKey: readonly string[] | undefined,
): Promise<void> {
  await withClient(owner, async (client) => {
    await makePlaces(client, tables);
    const sql = [
      beginInside(tenant.id),
      ...(rows > 0 ? [emptyPlaces([table]), fillBeside(table), moveInside(table, tenant.id)] : []),
      noteArrival(tenant.id, table.name, { rows, lastKey }, 'more'),
      'COMMIT',
    ];
    await copyAllIn(client, sql.join('; '), [pieces]).catch(async (error: unknown) => {
      await undo(client);
      throw error;
    });
  });
  onRows(rows, bytes);
}

async function copyAtOnce(run: CopyRun, legacy: pg.ClientBase, work: ChunkedTable): Promise<void> {
  const { tenant, table } = work;
  let [rows, bytes] = [0, 0];
  await withClient(run.owner, async (client) => {
    await makePlaces(client, run.tables);
    await client.query(`${beginInside(tenant.id)}; SET CONSTRAINTS ALL DEFERRED`);
    try {
      for await (const piece of takeRows(run, legacy, work)) {
        await copyAllIn(
          client,
          `${emptyPlaces([table])}; ${fillBeside(table)}; ${moveInside(table, tenant.id)}`,
          [[piece]],
        );
        rows += countRows(piece);
        bytes += piece.length;
      }
      await client.query(
        `${noteArrival(tenant.id, table.name, { rows, lastKey: undefined }, 'more')}; COMMIT`,
      );
    } catch (error) {
      await undo(client);
      throw error;
    }
  });
  run.onRows(rows, bytes);
}

/** A row of COPY's text is a line; a line's end inside of a value is written otherwise. */
function countRows(piece: Buffer): number {
  let rows = 0;
  for (let at = piece.indexOf(LINE_END); at !== -1; at = piece.indexOf(LINE_END, at + 1)) rows += 1;
  return rows;
}

/** Of the last row, as PostgreSQL's text. The tenant is in front of the columns. */
function readLastKey({ columns, keys }: CopiedTable, piece: Buffer): readonly string[] {
  const begin = piece.lastIndexOf(LINE_END, piece.length - 2) + 1;
  const values = piece.toString('utf8', begin, piece.length - 1).split('\t');
  return keys.map((key) => unescapeText(values[columns.indexOf(key) + 1] ?? ''));
}

const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** https://www.postgresql.org/docs/18/sql-copy.html, text format. */
const unescapeText = (text: string): string =>
  text.replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPED[letter] ?? letter);
