import type { DiffLedger, RouteId } from '../../vocabulary/index.ts';

const FRESH_MS = 10_000;
/** An answer that was another one altogether excuses its own comparison, and no other: the rest of a route would never differ again. */
const WHOLE = new Set(['status', 'body', 'body/**']);

/** What is known to differ between legacy and itself: learned here, and by other instances through the ledger. */
export class NoiseBook {
  readonly #ledger: Pick<DiffLedger, 'listNoise' | 'learnNoise'>;
  #known: ReadonlyMap<RouteId, ReadonlySet<string>> = new Map();
  #loadedMs = Number.NEGATIVE_INFINITY;

  constructor(ledger: Pick<DiffLedger, 'listNoise' | 'learnNoise'>) {
    this.#ledger = ledger;
  }

  async of(route: RouteId, atMs: number): Promise<readonly string[]> {
    if (atMs - this.#loadedMs > FRESH_MS) {
      this.#loadedMs = atMs;
      await this.#load().catch(() => undefined);
    }
    return [...(this.#known.get(route) ?? [])];
  }

  /** A ledger that is away learns it the next time. */
  async learn(route: RouteId, paths: readonly string[], atMs: number): Promise<void> {
    const parts = paths.filter((path) => !WHOLE.has(path));
    if (parts.length === 0) return;
    await this.#ledger.learnNoise(route, parts, atMs).catch(() => undefined);
  }

  async #load(): Promise<void> {
    const known = new Map<RouteId, Set<string>>();
    for (const { route, path } of await this.#ledger.listNoise()) {
      const paths = known.get(route) ?? new Set();
      known.set(route, paths.add(path));
    }
    this.#known = known;
  }
}
