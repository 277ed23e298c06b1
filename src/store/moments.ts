import pg from 'pg';
import { type Position, parsePosition } from '../vocabulary/index.ts';

/** A state of the rows that can be looked at as long as it is held. */
type Moment = Readonly<{ position: Position; snapshot: string }>;

type Holder = Readonly<{ client: pg.Client; sinceMs: number; moments: Moment[] }>;

// A transaction holds every snapshot that was taken in it, and keeps the database from tidying up behind them: none lasts long.
const FILLED_MS = 3_000;
const HELD_MS = 8_000;

/**
 * Snapshots of the store right after legacy's marks, shared by all rehearsals of these states: a rehearsal that finds one takes nothing
 * back, locks nothing, and is in nobody's way.
 */
export class Moments {
  readonly #url: string;
  #holders: readonly Holder[] = [];
  #isClosed = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** Holds what is in the store now, and answers how far legacy is in it. Where that fails there is one moment less. */
  async hold(slot: string): Promise<Position | undefined> {
    try {
      const holder = await this.#findHolder();
      // In one statement, so of one snapshot: rows and position are stored together.
      const { rows } = await holder.client.query<{ snapshot: string; position: string }>(
        'SELECT pg_export_snapshot() AS snapshot, position::text FROM banyan.follow_position WHERE slot = $1',
        [slot],
      );
      const position = parsePosition(rows[0]?.position ?? '');
      if (rows[0] === undefined || position === undefined) return undefined;
      holder.moments.push({ position, snapshot: rows[0].snapshot });
      return position;
    } catch {
      await this.#release(this.#holders.at(-1));
      return undefined;
    }
  }

  /** The snapshot of this state, or of the next one after it that is held. */
  find(position: Position): string | undefined {
    for (const { moments } of this.#holders) {
      const found = moments.find((moment) => moment.position >= position);
      if (found) return found.snapshot;
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#holders.map((holder) => this.#release(holder)));
  }

  async #findHolder(): Promise<Holder> {
    const last = this.#holders.at(-1);
    if (last && performance.now() - last.sinceMs < FILLED_MS) return last;
    const client = new pg.Client({ connectionString: this.#url, application_name: 'banyan moments' });
    client.on('error', () => undefined);
    await client.connect();
    // Read committed: each statement has a snapshot of its own, and each that is exported lasts until the end.
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY');
    const holder = { client, sinceMs: performance.now(), moments: [] };
    this.#holders = [...this.#holders, holder];
    if (this.#isClosed) await this.#release(holder);
    setTimeout(() => void this.#release(holder), HELD_MS).unref();
    return holder;
  }

  async #release(holder: Holder | undefined): Promise<void> {
    if (holder === undefined || !this.#holders.includes(holder)) return;
    this.#holders = this.#holders.filter((one) => one !== holder);
    await holder.client.end().catch(() => undefined);
  }
}
