import type pg from 'pg';
import type { Mapping } from '../vocabulary/index.ts';
import {
  beginReading,
  type ProofMoment,
  type ProofPlace,
  type ProvenTable,
  selectCells,
  selectChanged,
  selectColumns,
  selectNamed,
  selectRows,
  selectSlices,
  selectTally,
} from './proof-sql.ts';

export type ProofColumn = Readonly<{
  table: string;
  name: string;
  type: string;
  isKey: boolean;
  /** The type as SQL writes it. */
  written: string;
  /** Another one after any change of the column. */
  form: string;
}>;
/** Of a table: its rows, and the sum of their keys' hashes. */
export type ProofTally = Readonly<{ rows: number; keys: string }>;
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
  /** When this is. */
  readonly moment: ProofMoment;
  /** By table and column, as `columns` has seen them. */
  readonly #types = new Map<string, Map<string, string>>();
  #isOpen = true;
  readonly #end: () => void;

  private constructor(
    wish: ReadingWish,
    client: pg.PoolClient,
    { pid, ...moment }: ProofMoment & Readonly<{ pid: number }>,
  ) {
    this.#wish = wish;
    this.#client = client;
    this.moment = Object.freeze(moment);
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
      const [begun] =
        (answers as readonly pg.QueryResult<ProofMoment & { pid: number }>[]).at(-1)?.rows ?? [];
      signal.throwIfAborted();
      return new ProofReading(wish, client, begun ?? { pid: 0, xid: '0', server: '' });
    } catch (error) {
      client.release(true);
      throw signal.aborted ? signal.reason : nameTrouble(error);
    }
  }

  /** By the new side's names, the key's columns first, in its order; a table that is missing has none. */
  async columns(tables: readonly string[]): Promise<readonly ProofColumn[]> {
    const { place } = this.#wish;
    const told = await this.#ask<ProofColumn>(selectColumns(place, tables));
    const rows = place.mapping === undefined ? told : told.flatMap(translateWith(place.mapping));
    for (const { table, name, written } of rows)
      this.#types.set(table, (this.#types.get(table) ?? new Map()).set(name, written));
    return place.tenant === undefined ? rows : rows.filter(({ name }) => name !== 'tenant_id');
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

  /** Keys by their hashes; `among`: keys as JSON, where only such rows need to be looked at. */
  async cells(
    table: ProvenTable,
    keys: readonly string[],
    among?: readonly string[],
  ): Promise<readonly ProofCells[]> {
    if (keys.length === 0) return [];
    const chosen = among && { keys: among, types: this.#typesOf(table) };
    return this.#ask<ProofCells>(selectCells(this.#wish.place, table, keys, chosen));
  }

  async tally(table: ProvenTable): Promise<ProofTally> {
    const [tally] = await this.#ask<ProofTally>(selectTally(this.#wish.place, table));
    return tally ?? { rows: 0, keys: '0' };
  }

  /** Keys, as JSON, of rows that were written since a moment; so many at most. */
  async changed(table: ProvenTable, since: ProofMoment, limit: number): Promise<readonly string[]> {
    const rows = await this.#ask<{ key: string }>(selectChanged(this.#wish.place, table, since, limit));
    return rows.map(({ key }) => key);
  }

  /** Rows by their keys as JSON. The table's columns must have been asked for before. */
  async named(table: ProvenTable, keys: readonly string[]): Promise<readonly ProofRow[]> {
    if (keys.length === 0) return [];
    return this.#ask<ProofRow>(selectNamed(this.#wish.place, table, { keys, types: this.#typesOf(table) }));
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

  #typesOf({ name }: ProvenTable): ReadonlyMap<string, string> {
    return this.#types.get(name) ?? new Map();
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
