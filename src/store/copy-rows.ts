import type pg from 'pg';

// COPY, by the messages that pg hands to whatever stands in its queue (its `Submittable`). Text format: a row is a line.

/** What pg's types leave out of its connection. */
type Wire = pg.Connection & Readonly<{ sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }>;
type Ended = Readonly<{ resolve(tags: readonly string[]): void; reject(error: unknown): void }>;

const GATHERED_BYTES = 65_536;

/** Sends `rows` by a `COPY … FROM STDIN`. Throws what the server says of them. */
export async function copyIn(client: pg.ClientBase, sql: string, rows: readonly Buffer[]): Promise<void> {
  await copyAllIn(client, sql, [rows]);
}

/**
 * Several statements as one message, among them as many `COPY … FROM STDIN` as there are `tables`, in their order. Answers each
 * statement's own word (`INSERT 0 12`). Throws what the server says; whatever stands behind that statement was not carried out.
 */
export function copyAllIn(
  client: pg.ClientBase,
  sql: string,
  tables: readonly (readonly Buffer[])[],
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => client.query(new Incoming(sql, tables, { resolve, reject })));
}

class Incoming {
  readonly #sql: string;
  readonly #tables: readonly (readonly Buffer[])[];
  readonly #ended: Ended;
  readonly #tags: string[] = [];
  #next = 0;

  constructor(sql: string, tables: readonly (readonly Buffer[])[], ended: Ended) {
    this.#sql = sql;
    this.#tables = tables;
    this.#ended = ended;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: Wire): void {
    for (const piece of this.#tables[this.#next] ?? []) connection.sendCopyFromChunk(piece);
    this.#next += 1;
    connection.endCopyFrom();
  }

  /** The last that is called, if it is. What was sent meanwhile the server drops. */
  handleError(error: unknown): void {
    this.#ended.reject(error);
  }

  // What a statement selects is nobody's business here.
  handleRowDescription(): void {}

  handleDataRow(): void {}

  handleCommandComplete({ text }: Readonly<{ text: string }>): void {
    this.#tags.push(text);
  }

  handleReadyForQuery(): void {
    this.#ended.resolve(this.#tags);
  }
}

/**
 * The rows of a `COPY … TO STDOUT`, whole lines of it, some 64 KB at a time. While they are not taken the server waits. Whoever stops
 * before the end cannot use the connection any more.
 */
export async function* copyOut(client: pg.ClientBase, sql: string): AsyncGenerator<Buffer, void, undefined> {
  const outgoing = new Outgoing(sql);
  client.query(outgoing);
  try {
    yield* outgoing.pieces();
  } finally {
    outgoing.stop();
  }
}

export type CopiedOut = Readonly<{ rows: number; bytes: number; pieces: readonly Buffer[] }>;

/**
 * The rows of several `COPY … TO STDOUT`, by one message and in their order; all of them are held in memory. Undefined where they are more
 * than `mostBytes`: the connection cannot be used any more then.
 */
export function copyAllOut(
  client: pg.ClientBase,
  sqls: readonly string[],
  mostBytes: number,
): Promise<readonly CopiedOut[] | undefined> {
  return new Promise((resolve, reject) =>
    client.query(new OutgoingAll(sqls, mostBytes, { resolve, reject })),
  );
}

type AllOut = Readonly<{
  resolve(copied: readonly CopiedOut[] | undefined): void;
  reject(error: unknown): void;
}>;

class OutgoingAll {
  readonly #sqls: readonly string[];
  readonly #mostBytes: number;
  readonly #ended: AllOut;
  readonly #copied: CopiedOut[] = [];
  #connection: pg.Connection | undefined;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #allBytes = 0;

  constructor(sqls: readonly string[], mostBytes: number, ended: AllOut) {
    this.#sqls = sqls;
    this.#mostBytes = mostBytes;
    this.#ended = ended;
  }

  submit(connection: pg.Connection): void {
    this.#connection = connection;
    connection.query(this.#sqls.join('; '));
  }

  handleCopyData({ chunk }: Readonly<{ chunk: Buffer }>): void {
    if (this.#allBytes > this.#mostBytes) return;
    this.#pieces.push(Buffer.from(chunk));
    this.#bytes += chunk.length;
    this.#allBytes += chunk.length;
    if (this.#allBytes <= this.#mostBytes) return;
    this.#pieces = [];
    this.#ended.resolve(undefined);
    this.#connection?.stream.destroy();
  }

  handleError(error: unknown): void {
    this.#ended.reject(error);
  }

  handleCommandComplete(): void {
    const pieces = this.#pieces.length === 0 ? [] : [Buffer.concat(this.#pieces)];
    this.#copied.push({ rows: this.#pieces.length, bytes: this.#bytes, pieces });
    this.#pieces = [];
    this.#bytes = 0;
  }

  handleReadyForQuery(): void {
    this.#ended.resolve(this.#copied);
  }
}

class Outgoing {
  readonly #sql: string;
  #connection: pg.Connection | undefined;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #ready: Buffer[] = [];
  #state: 'running' | 'ended' = 'running';
  #error: unknown;
  #wake: () => void = () => undefined;

  constructor(sql: string) {
    this.#sql = sql;
  }

  async *pieces(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const piece = this.#ready.shift();
      if (piece !== undefined) yield piece;
      else if (this.#error !== undefined) throw this.#error;
      else if (this.#state === 'ended') return;
      else await this.#more();
    }
  }

  stop(): void {
    if (this.#state === 'running') this.#connection?.stream.destroy();
    else this.#connection?.stream.resume();
  }

  submit(connection: pg.Connection): void {
    this.#connection = connection;
    connection.query(this.#sql);
  }

  handleCopyData({ chunk }: Readonly<{ chunk: Buffer }>): void {
    // A copy: pg's parser writes its next message to the same place.
    this.#gathered.push(Buffer.from(chunk));
    this.#gatheredBytes += chunk.length;
    if (this.#gatheredBytes < GATHERED_BYTES) return;
    this.#pass();
    this.#connection?.stream.pause();
  }

  handleError(error: unknown): void {
    this.#error = error;
    this.handleReadyForQuery();
  }

  handleCommandComplete(): void {
    this.#pass();
  }

  handleReadyForQuery(): void {
    this.#state = 'ended';
    this.#wake();
  }

  #pass(): void {
    const [first, ...more] = this.#gathered;
    if (first !== undefined) this.#ready.push(more.length === 0 ? first : Buffer.concat(this.#gathered));
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#wake();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#connection?.stream.resume();
    });
  }
}
