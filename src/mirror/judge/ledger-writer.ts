import type { DiffLedger, LedgerEntry } from '../../vocabulary/index.ts';

const BATCH = 500;
const PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** Kept while the ledger is away; beyond it the oldest that show no difference go first. */
const MOST_KEPT = 20_000;

/** Writes verdicts in batches, one at a time; keeps them while the ledger is away. */
export class LedgerWriter {
  readonly #ledger: Pick<DiffLedger, 'add'>;
  #kept: LedgerEntry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #pauseMs = PAUSE_MS;

  constructor(ledger: Pick<DiffLedger, 'add'>) {
    this.#ledger = ledger;
  }

  add(entry: LedgerEntry): void {
    this.#kept.push(entry);
    if (this.#kept.length > MOST_KEPT) this.#makeRoom();
    this.#timer ??= setTimeout(() => void this.flush(), this.#pauseMs);
  }

  /** Writes what is kept; resolves when it is written, or has failed and waits for its next turn. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#writeAll());
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#kept.length > 0) {
      const batch = this.#kept.slice(0, BATCH);
      try {
        await this.#ledger.add(batch);
      } catch {
        this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
        this.#timer ??= setTimeout(() => void this.flush(), this.#pauseMs);
        return;
      }
      const written = new Set(batch);
      this.#kept = this.#kept.filter((entry) => !written.has(entry));
      this.#pauseMs = PAUSE_MS;
    }
  }

  #makeRoom(): void {
    const dull = this.#kept.findIndex(({ verdict }) => verdict !== 'different');
    this.#kept.splice(Math.max(0, dull), 1);
  }
}
