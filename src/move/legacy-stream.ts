import type pg from 'pg';
import { LogicalReplicationService } from 'pg-logical-replication';
import { type Mapping, type Position, parsePosition, printPosition } from '../vocabulary/index.ts';
import { type LegacyMessage, PgoutputReader } from './pgoutput.ts';

export type StreamWish = Readonly<{
  legacyUrl: string;
  slot: string;
  /** Without it all names are the same. */
  mapping?: Mapping | undefined;
  /** Each message as it arrives. */
  onHeard: (message: LegacyMessage) => void;
  /** Legacy's log has been read up to and including this position, whether or not there was anything for us. */
  onKeepalive: (position: Position) => void;
  /** Each message in turn. The stream waits for it: what is not taken stays at legacy. */
  take: (message: LegacyMessage) => Promise<void>;
}>;

// Whatever the role or the database has set: values come in one form.
const FORMS =
  '-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=3 -c bytea_output=hex -c statement_timeout=0';

/**
 * One connection to legacy's log. Holds one network packet's messages at most, and of a row only one: large transactions wait at legacy,
 * which writes them to its disk.
 */
export class LegacyStream {
  readonly #wish: StreamWish;
  readonly #service: LogicalReplicationService;
  #failure: unknown;
  #isStopped = false;

  constructor(wish: StreamWish) {
    this.#wish = wish;
    // Acknowledged by hand: what the package acknowledges by itself was received, not stored.
    this.#service = new LogicalReplicationService(
      {
        connectionString: wish.legacyUrl,
        application_name: 'banyan follow',
        options: FORMS,
        connectionTimeoutMillis: 5_000,
        keepAlive: true,
      },
      { acknowledge: { auto: false, timeoutSeconds: 0 }, flowControl: { enabled: true } },
    );
    this.#listenFromTheStart();
  }

  /** Reads what comes after `from` until the stream breaks or is stopped. Rejects with what broke it. */
  async read(from: Position, onStart: () => void): Promise<void> {
    const service = this.#service;
    // Who was stopped while it was still connecting has not heard of it.
    service.on('start', () => (this.#isStopped ? this.fail(undefined) : onStart()));
    service.on('data', (_lsn, message: LegacyMessage) => this.#take(message));
    service.on('heartbeat', (lsn) => this.#keepAlive(lsn));
    service.on('error', (error) => this.fail(error));
    const reader = new PgoutputReader(this.#wish.onHeard, this.#wish.mapping);
    await service
      .subscribe(reader, this.#wish.slot, printPosition(next(from)))
      .catch((error: unknown) => this.fail(error));
    await service.destroy();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Everything up to and including this position is stored and need not be sent again; `asking` for a sign of life, too. */
  acknowledge(position: Position, manner: 'telling' | 'asking'): void {
    // The package adds one byte, which says just this.
    this.#service
      .acknowledge(printPosition(position), manner === 'asking')
      .catch((error: unknown) => this.fail(error));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#service.stop();
  }

  // The package hears its connection's errors only some time after it has connected. One that arrives in the same packet as the last
  // word of connecting (an administrator ends connections as they come) would end the process.
  #listenFromTheStart(): void {
    let client: pg.Client | null = null;
    Object.defineProperty(this.#service, '_client', {
      get: () => client,
      set: (next: pg.Client | null) => {
        client = next;
        next?.on('error', (error) => this.fail(error));
      },
    });
  }

  async #take(message: LegacyMessage): Promise<void> {
    // The package goes on with the next message after one that failed.
    if (this.#failure !== undefined) return;
    await this.#wish.take(message).catch((error: unknown) => this.fail(error));
  }

  // It names the beginning of what has not been read yet.
  #keepAlive(lsn: string): void {
    const position = parsePosition(lsn);
    if (position !== undefined && position > 0n) this.#wish.onKeepalive((position - 1n) as Position);
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    void this.stop().catch(() => undefined);
  }
}

const next = (position: Position) => (position + 1n) as Position;
