import type pg from 'pg';

// COPY, by the messages that pg hands to whatever stands in its queue (its `Submittable`). Text format: a row is a line.

/** What pg's types leave out of its connection. */
type Wire = pg.Connection & Readonly<{ sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }>;
type Ended = Readonly<{ resolve(): void; reject(error: unknown): void }>;

const GATHERED_BYTES = 65_536;

/** Sends `rows` by a `COPY … FROM STDIN`. Throws what the server says of them. */
export async function copyIn(client: pg.ClientBase, sql: string, rows: readonly Buffer[]): Promise<void> {
  await new Promise<void>((resolve, reject) => client.query(new Incoming(sql, rows, { resolve, reject })));
}

class Incoming {
  readonly #sql: string;
  readonly #rows: readonly Buffer[];
  readonly #ended: Ended;

  constructor(sql: string, rows: readonly Buffer[], ended: Ended) {
    this.#sql = sql;
    this.#rows = rows;
    this.#ended = ended;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: Wire): void {
    for (const piece of this.#rows) connection.sendCopyFromChunk(piece);
    connection.endCopyFrom();
  }

  /** The last that is called, if it is. What was sent meanwhile the server drops. */
  handleError(error: unknown): void {
    this.#ended.reject(error);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#ended.resolve();
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
