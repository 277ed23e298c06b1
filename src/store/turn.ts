import type pg from 'pg';
import { giveBack, holdBack, letGo, takeConnection } from './connections.ts';
import { findTrouble, isConnectionLoss } from './database-errors.ts';
import { StoreUnavailable } from './errors.ts';
import type { Opening } from './opening.ts';

type Send<T> = (connection: pg.PoolClient) => Promise<T>;

/** What a turn may last in all, however short its statements: it holds a connection, and may hold locks. */
const TURN_MS = 30_000;

/**
 * One transaction of one tenant, on one connection of the pool. Its statements may be sent right behind its beginning, which saves a
 * round trip (120 µs of processor): the server takes them in turn, and an answer counts only where the beginning has been answered well.
 * Were a beginning refused, what is behind it would have no tenant: the fence shows it nothing and takes nothing from it.
 */
export class Turn {
  readonly #pool: pg.Pool;
  readonly #opening: Opening;
  /** Where the next statement goes; undefined while there is no such place. */
  #connection: pg.PoolClient | undefined;
  #begun: Promise<pg.PoolClient>;
  #state: 'beginning' | 'begun' | 'over' = 'beginning';
  #end: 'by_itself' | 'too_late' = 'by_itself';
  /** The first error of a statement: whatever the work makes of it, PostgreSQL undoes everything. */
  #failure: unknown;
  /** The last thing that was wrong with the database itself. */
  #trouble: StoreUnavailable | undefined;
  readonly #timer: NodeJS.Timeout;

  private constructor(pool: pg.Pool, opening: Opening, begin: (turn: Turn) => Promise<pg.PoolClient>) {
    this.#pool = pool;
    this.#opening = opening;
    this.#begun = begin(this);
    this.#begun.catch(() => undefined);
    this.#timer = setTimeout(() => this.#endLate(), TURN_MS).unref();
  }

  /** Throws StoreUnavailable, and what the opening makes of its own errors where its answer is waited for. */
  static async open(pool: pg.Pool, opening: Opening): Promise<Turn> {
    const taken = await takeConnection(pool);
    const turn = new Turn(pool, opening, (self) => self.#begin(taken));
    if (opening.work === 'when_answered') await turn.#begun;
    return turn;
  }

  async #begin({ connection, state }: Awaited<ReturnType<typeof takeConnection>>): Promise<pg.PoolClient> {
    this.#connection = connection;
    try {
      await sendBeginning(connection, this.#opening);
    } catch (error) {
      // Nothing may be sent on it any more: the next to use it is another tenant.
      this.#connection = undefined;
      await putBack(this.#pool, connection, error);
      const reason = findTrouble(error) ?? 'unreachable';
      // It had died since its last use, and nothing has begun.
      if (reason === 'unreachable' && state === 'used' && isConnectionLoss(error))
        return this.#begin(await takeConnection(this.#pool));
      clearTimeout(this.#timer);
      throw this.#opening.explain?.(error) ?? new StoreUnavailable(error, { reason });
    }
    if (this.#state === 'beginning') this.#state = 'begun';
    return connection;
  }

  /** Throws what the opening makes of the error; at once, where the connection has been lost already. */
  async ask<T>(send: Send<T>): Promise<T> {
    if (this.#state === 'over') throw this.#describeEnd();
    if (this.#trouble?.reason === 'unreachable') throw this.#trouble;
    try {
      const connection = this.#connection;
      if (this.#state === 'begun' && connection !== undefined) return await send(connection);
      return await this.#sendBehind(send, connection);
    } catch (error) {
      throw this.#note(error);
    }
  }

  async #sendBehind<T>(send: Send<T>, connection: pg.PoolClient | undefined): Promise<T> {
    const answer = connection && send(connection);
    answer?.catch(() => undefined);
    if (connection !== undefined) letGo(connection);
    const begun = await this.#begun;
    if (this.#state === 'over') throw this.#describeEnd();
    // Where the beginning had to be sent once more, on another connection, nothing of what was behind it has been done.
    return answer !== undefined && begun === connection ? answer : send(begun);
  }

  /**
   * `unheard`: nobody waits for the answer, since nothing was to be written; the connection's next user is served behind it. Only where
   * all went well: whoever kept an error to himself is to hear of it.
   */
  async commit(manner: 'heard' | 'unheard'): Promise<void> {
    const connection = await this.#begun;
    if (this.#state === 'over') throw this.#describeEnd();
    if (this.#trouble?.reason === 'unreachable') throw this.#trouble;
    this.#state = 'over';
    if (manner === 'heard' || this.#failure !== undefined)
      return this.#hearCommit(connection, connection.query('COMMIT'));
    // Together with the next turn's beginning, where there is one.
    holdBack(connection);
    connection.query('COMMIT').catch(() => undefined);
    this.#leave(connection);
  }

  async #hearCommit(connection: pg.PoolClient, answer: Promise<pg.QueryResult>): Promise<void> {
    try {
      const { command } = await answer;
      // PostgreSQL's way to say that there was an error before, which the work has kept to itself.
      if (command === 'ROLLBACK') throw this.#failure ?? new Error('The transaction was undone.');
    } catch (error) {
      const named = this.#note(error);
      throw isUnreachable(named) ? new StoreUnavailable(named.cause, { mayHaveWritten: true }) : named;
    } finally {
      this.#leave(connection);
    }
  }

  /** Never throws: what cannot be asked to undo has not been committed either. */
  async undo(): Promise<void> {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const connection = await this.#begun.catch(() => undefined);
    if (connection === undefined) return;
    if (this.#trouble?.reason !== 'unreachable')
      await connection.query('ROLLBACK').catch((error: unknown) => this.#note(error));
    this.#leave(connection);
  }

  #note(error: unknown): unknown {
    const named = this.#opening.name(error);
    this.#failure ??= named;
    if (named instanceof StoreUnavailable) this.#trouble = named;
    return named;
  }

  #leave(connection: pg.PoolClient): void {
    clearTimeout(this.#timer);
    this.#connection = undefined;
    giveBack(this.#pool, connection, this.#trouble);
  }

  #endLate(): void {
    this.#end = 'too_late';
    void this.undo();
  }

  #describeEnd(): Error {
    return new Error(
      this.#end === 'too_late'
        ? `The transaction was undone, since it was not done after ${TURN_MS / 1000} s.`
        : 'The transaction is over: wait inside of it for every query.',
    );
  }
}

const isUnreachable = (error: unknown): error is StoreUnavailable =>
  error instanceof StoreUnavailable && error.reason === 'unreachable';

async function sendBeginning(
  connection: pg.PoolClient,
  { sql, work, patienceMs, judge }: Opening,
): Promise<void> {
  if (work === 'when_sent') holdBack(connection);
  // The driver's types know neither that several statements have several answers, nor that a question has its own patience.
  const question = { text: sql, query_timeout: patienceMs };
  const answers: unknown = await connection.query(question);
  judge?.(answers as readonly pg.QueryResult[]);
}

async function putBack(pool: pg.Pool, connection: pg.PoolClient, error: unknown): Promise<void> {
  if (isConnectionLoss(error)) return giveBack(pool, connection, error);
  const isBroken = await connection.query('ROLLBACK').then(
    () => false,
    () => true,
  );
  connection.release(isBroken);
}
