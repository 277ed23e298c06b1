import type pg from 'pg';
import type { LegacyChange, LegacyValues } from '../store/index.ts';
import { EQUAL_NAMES, type Mapping, type Position, parsePosition } from '../vocabulary/index.ts';

/** What legacy's log says, as far as rows are concerned; of tenants' tables and columns by the new side's names. */
export type LegacyMessage =
  | Readonly<{ kind: 'begin'; position: Position }>
  | Readonly<{ kind: 'change'; schema: string; change: LegacyChange; characters: number }>
  | Readonly<{ kind: 'truncate'; tables: readonly Readonly<{ schema: string; table: string }>[] }>
  | Readonly<{ kind: 'mark'; token: string }>
  /** This transaction carries the new side's rows back: what follows in it of these tables is no news. */
  | Readonly<{ kind: 'returned'; tables: readonly string[] }>
  | Readonly<{ kind: 'commit'; position: Position }>
  | Readonly<{ kind: 'other' }>;

export const PUBLICATION = 'banyan';
/** The prefix of our own messages in legacy's log. */
export const MARK_PREFIX = 'banyan';
export const RETURNED_PREFIX = 'banyan_returned';

/** Undefined: the new side has no such table, or column. */
type Relation = Readonly<{
  schema: string;
  table: string | undefined;
  columns: readonly (string | undefined)[];
}>;

// No tenant's: the registry's own, and ours.
const NOBODYS: ReadonlySet<string> = new Set(['public', 'banyan']);

/**
 * Reads pgoutput, protocol version 1 (https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html). Not by the package's
 * own reader: that one makes numbers and dates of values, and drops a byte order mark at a text's beginning. Here they stay as they are.
 */
export class PgoutputReader {
  readonly name = 'pgoutput';
  readonly options = undefined;
  readonly #relations = new Map<number, Relation>();
  readonly #onMessage: (message: LegacyMessage) => void;
  readonly #mapping: Mapping;

  /** `onMessage` hears of each message as it arrives, long before its turn to be applied comes. */
  constructor(onMessage: (message: LegacyMessage) => void, mapping: Mapping = EQUAL_NAMES) {
    this.#onMessage = onMessage;
    this.#mapping = mapping;
  }

  start(client: pg.Client, slot: string, position: string): Promise<unknown> {
    const options = `proto_version '1', publication_names '${PUBLICATION}', messages 'true'`;
    return client.query(`START_REPLICATION SLOT "${slot}" LOGICAL ${position} (${options})`);
  }

  parse(buffer: Buffer): LegacyMessage {
    const message = this.#read(new Cursor(buffer));
    this.#onMessage(message);
    return message;
  }

  #read(cursor: Cursor): LegacyMessage {
    switch (cursor.letter()) {
      case 'B':
        return { kind: 'begin', position: cursor.position() };
      case 'C':
        cursor.skip(1);
        return { kind: 'commit', position: cursor.position() };
      case 'R':
        return this.#learnRelation(cursor);
      case 'I':
        return this.#readInsert(cursor);
      case 'U':
        return this.#readUpdate(cursor);
      case 'D':
        return this.#readDelete(cursor);
      case 'T':
        return this.#readTruncate(cursor);
      case 'M':
        return readMessage(cursor);
      default:
        return { kind: 'other' };
    }
  }

  #learnRelation(cursor: Cursor): LegacyMessage {
    const id = cursor.int32();
    const [schema, name] = [cursor.text(), cursor.text()];
    cursor.skip(1);
    const names = Array.from({ length: cursor.int16() }, () => {
      cursor.skip(1);
      const column = cursor.text();
      cursor.skip(8);
      return column;
    });
    this.#relations.set(id, this.#translate({ schema, table: name, columns: names }));
    return { kind: 'other' };
  }

  /** Once for each table: what comes of it then has the new side's names by itself. */
  #translate(relation: Readonly<{ schema: string; table: string; columns: readonly string[] }>): Relation {
    if (NOBODYS.has(relation.schema)) return relation;
    const table = this.#mapping.toNewTable(relation.table);
    if (table === undefined) return { ...relation, table };
    const columns = relation.columns.map((column) => this.#mapping.toNewColumn(table, column));
    return { schema: relation.schema, table, columns };
  }

  #relation(cursor: Cursor): Relation {
    const relation = this.#relations.get(cursor.int32());
    if (relation === undefined) throw new Error('Legacy speaks of a table that it has not introduced.');
    return relation;
  }

  #readInsert(cursor: Cursor): LegacyMessage {
    const { schema, table, columns } = this.#relation(cursor);
    cursor.skip(1);
    if (table === undefined) return { kind: 'other' };
    return asChange(schema, cursor, { table, change: 'insert', row: cursor.tuple(columns) });
  }

  #readUpdate(cursor: Cursor): LegacyMessage {
    const { schema, table, columns } = this.#relation(cursor);
    if (table === undefined) return { kind: 'other' };
    // K: the old key, where it changed. O: the whole old row, where the table's replica identity is FULL.
    const hasOld = cursor.letter() !== 'N';
    const old = hasOld ? dropNulls(cursor.tuple(columns)) : undefined;
    if (hasOld) cursor.skip(1);
    return asChange(schema, cursor, { table, change: 'update', old, row: cursor.tuple(columns) });
  }

  #readDelete(cursor: Cursor): LegacyMessage {
    const { schema, table, columns } = this.#relation(cursor);
    cursor.skip(1);
    if (table === undefined) return { kind: 'other' };
    return asChange(schema, cursor, { table, change: 'delete', old: dropNulls(cursor.tuple(columns)) });
  }

  #readTruncate(cursor: Cursor): LegacyMessage {
    const count = cursor.int32();
    cursor.skip(1);
    const relations = Array.from({ length: count }, () => this.#relation(cursor));
    const tables = relations.flatMap(({ schema, table }) => (table === undefined ? [] : [{ schema, table }]));
    return { kind: 'truncate', tables };
  }
}

function asChange(schema: string, { length }: Cursor, change: LegacyChange): LegacyMessage {
  return { kind: 'change', schema, change, characters: length };
}

function readMessage(cursor: Cursor): LegacyMessage {
  cursor.skip(9);
  switch (cursor.text()) {
    case MARK_PREFIX:
      return { kind: 'mark', token: cursor.sized() };
    case RETURNED_PREFIX:
      return { kind: 'returned', tables: readReturnedTables(cursor.sized()) };
    default:
      return { kind: 'other' };
  }
}

/** Anybody may write a message of any prefix: what is not ours names no table. */
function readReturnedTables(text: string): readonly string[] {
  const said = tryParse(text);
  const tables = typeof said === 'object' && said !== null && 'tables' in said ? said.tables : [];
  return Array.isArray(tables) ? tables.filter((table) => typeof table === 'string') : [];
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** In a key alone, NULL stands for every column that is not part of it; no key column is ever NULL. */
function dropNulls(values: LegacyValues): LegacyValues {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
}

class Cursor {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get length(): number {
    return this.#buffer.length;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  letter(): string {
    return String.fromCharCode(this.#buffer.readUInt8(this.#advance(1)));
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#advance(4));
  }

  position(): Position {
    const [high, low] = [this.int32() >>> 0, this.int32() >>> 0];
    const position = parsePosition(`${high.toString(16)}/${low.toString(16)}`);
    if (position === undefined) throw new Error('Legacy names no place in its log.');
    return position;
  }

  /** Up to a NUL. */
  text(): string {
    const from = this.#at;
    this.#at = this.#buffer.indexOf(0, from) + 1;
    if (this.#at === 0) throw new Error('A message of legacy ends too early.');
    return this.#buffer.toString('utf8', from, this.#at - 1);
  }

  sized(): string {
    const from = this.#advance(this.int32());
    return this.#buffer.toString('utf8', from, this.#at);
  }

  /** Values as texts; what is left out (`u`) is a large value that the update did not touch. */
  tuple(columns: Relation['columns']): LegacyValues {
    const values: Record<string, string | null> = {};
    const count = this.int16();
    if (count > columns.length) throw new Error('A row of legacy has more values than columns.');
    for (let nr = 0; nr < count; nr += 1) {
      const kind = this.letter();
      const column = columns[nr];
      const value = kind === 't' ? this.sized() : null;
      if (column !== undefined && (kind === 't' || kind === 'n')) values[column] = value;
    }
    return values;
  }

  #advance(bytes: number): number {
    const from = this.#at;
    this.#at += bytes;
    return from;
  }
}
