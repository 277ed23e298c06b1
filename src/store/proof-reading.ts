import type pg from 'pg';
import type { Mapping } from '../vocabulary/index.ts';
import {
  beginReading,
  type ProofPlace,
  type ProvenTable,
  selectCells,
  selectColumns,
  selectRows,
  selectSlices,
} from './proof-sql.ts';

export type ProofColumn = Readonly<{ table: string; name: string; type: string; isKey: boolean }>;
export type ProofSlice = Readonly<{ slice: number; rows: number; hash: string }>;
/** The hashes of a row and of its key, in hex. */
export type ProofRow = Readonly<{ key: string; row: string }>;
/** A row's key as JSON text, and the hashes of its columns in the table's order. */
export type ProofCells = Readonly<{ key: string; shown: string; cells: readonly string[] }>;

export type ReadingWish = Readonly<{
  pool: pg.Pool;
  place: ProofPlace;
  signal: AbortSignal;
  /** What an error of this side's database means. */
  nameTrouble: (error: unknown) => unknown;
}>;

const ROWS_AT_ONCE = 2_000;
const CURSOR = 'banyan_proof';

/**
 * One side's rows of one tenant at one moment, as hashes that PostgreSQL makes: no value leaves it but keys. One question at a time.
 * Aborting ends the statement that runs, and every later question throws the signal's reason.
 */
export class ProofReading {
  readonly #wish: ReadingWish;
  readonly #client: pg.PoolClient;
  #isOpen = true;
  readonly #end: () => void;

  private constructor(wish: ReadingWish, client: pg.PoolClient, pid: number) {
    this.#wish = wish;
    this.#client = client;
    this.#end = () => {
      this.#close('broken');
      // The server would not look at the connection before it has something to say.
      wish.pool.query('SELECT pg_cancel_backend($1)', [pid]).catch(() => undefined);
    };
    wish.signal.addEventListener('abort', this.#end);
  }

  static async open(wish: ReadingWish): Promise<ProofReading> {
    const { pool, place, signal, nameTrouble } = wish;
    signal.throwIfAborted();
    const client = await pool.connect().catch((error: unknown) => {
      throw nameTrouble(error);
    });
    try {
      const answers: unknown = await client.query(beginReading(place));
      const pid = (answers as readonly pg.QueryResult<{ pid: number }>[]).at(-1)?.rows[0]?.pid ?? 0;
      signal.throwIfAborted();
      return new ProofReading(wish, client, pid);
    } catch (error) {
      client.release(true);
      throw signal.aborted ? signal.reason : nameTrouble(error);
    }
  }

  /** By the new side's names, the key's columns first, in its order; a table that is missing has none. */
  async columns(tables: readonly string[]): Promise<readonly ProofColumn[]> {
    const { place } = this.#wish;
    const rows = await this.#ask<ProofColumn>(selectColumns(place, tables));
    if (place.tenant !== undefined) return rows.filter(({ name }) => name !== 'tenant_id');
    return place.mapping === undefined ? rows : rows.flatMap(translateWith(place.mapping));
  }

  slices(table: ProvenTable): Promise<readonly ProofSlice[]> {
    return this.#ask<ProofSlice>(selectSlices(this.#wish.place, table));
  }

  /** Sorted by the key's hash; PostgreSQL keeps on disk what does not fit its memory, and 2,000 are here at a time. */
  async *rows(table: ProvenTable, slices: readonly number[]): AsyncGenerator<ProofRow, void> {
    await this.#ask(`DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${selectRows(this.#wish.place, table, slices)}`);
    for (;;) {
      const rows = await this.#ask<ProofRow>(`FETCH ${ROWS_AT_ONCE} FROM ${CURSOR}`);
      yield* rows;
      if (rows.length < ROWS_AT_ONCE) break;
    }
    await this.#ask(`CLOSE ${CURSOR}`);
  }

  async cells(table: ProvenTable, keys: readonly string[]): Promise<readonly ProofCells[]> {
    return keys.length === 0 ? [] : this.#ask<ProofCells>(selectCells(this.#wish.place, table, keys));
  }

  /** Ends the transaction. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#client.query('ROLLBACK').catch(() => this.#close('broken'));
    this.#close('whole');
  }

  async #ask<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    const { signal, nameTrouble } = this.#wish;
    signal.throwIfAborted();
    try {
      return (await this.#client.query<Row>(sql)).rows;
    } catch (error) {
      signal.throwIfAborted();
      this.#close('broken');
      throw nameTrouble(error);
    }
  }

  #close(state: 'whole' | 'broken'): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#wish.signal.removeEventListener('abort', this.#end);
    this.#client.release(state === 'broken');
  }
}

/** What the new side has no place for is not compared. */
const translateWith =
  (mapping: Mapping) =>
  (column: ProofColumn): readonly ProofColumn[] => {
    const table = mapping.toNewTable(column.table);
    const name = table === undefined ? undefined : mapping.toNewColumn(table, column.name);
    return table === undefined || name === undefined ? [] : [{ ...column, table, name }];
  };
