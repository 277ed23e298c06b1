import { setTimeout as wait } from 'node:timers/promises';
import type { Store } from '../store/index.ts';
import type { FeatureName, Side, TenantId } from '../vocabulary/index.ts';

/** A tenant's feature that is moved, and who owns it. */
export type RecheckPlace = Readonly<{
  tenant: TenantId;
  feature: FeatureName;
  tables: readonly string[];
  owner: Side;
}>;

export type RecheckWish = Readonly<{
  store: Readonly<{
    tenures: Pick<Store['tenures'], 'news'>;
    moveLook: Pick<Store['moveLook'], 'proofs'>;
    tenants: Pick<Store['tenants'], 'list'>;
  }>;
  /** All of them are proven once in so long. */
  everyMs: number;
  /** Whether something is under way for a tenant. */
  isBusy(tenant: TenantId): boolean;
  prove(place: RecheckPlace, signal: AbortSignal): Promise<void>;
}>;

export type Recheck = Readonly<{
  /** Whoever hands a tenant over goes first: a look at it that is under way is called off, and taken again later. */
  giveWay(tenant: TenantId): void;
  close(): Promise<void>;
}>;

/** A move that has just begun is noticed after so long: where it is the first one, and beside others. */
const IDLE_MS = 1_000;
const LONGEST_REST_MS = 5_000;
const SHORTEST_REST_MS = 20;

/** Proves every tenant's rows again and again: one at a time, the one first that was not looked at for longest, evenly over the time. */
export function openRecheck(wish: RecheckWish): Recheck {
  const recheck = new Rounds(wish);
  return { giveWay: (tenant) => recheck.giveWay(tenant), close: () => recheck.close() };
}

class Rounds {
  readonly #wish: RecheckWish;
  readonly #closing = new AbortController();
  /** By place: also of what could not be proven, so that it does not hold up the others. */
  readonly #triedMs = new Map<string, number>();
  readonly #running: Promise<void>;
  #current: Readonly<{ tenant: TenantId; name: string; ending: AbortController }> | undefined;

  constructor(wish: RecheckWish) {
    this.#wish = wish;
    this.#running = this.#run();
  }

  giveWay(tenant: TenantId): void {
    if (this.#current?.tenant !== tenant) return;
    this.#triedMs.delete(this.#current.name);
    this.#current.ending.abort(new Error('A hand-over of this tenant goes first.'));
  }

  close(): Promise<void> {
    this.#closing.abort(new Error('The mover ends.'));
    return this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let begunMs = Number.NEGATIVE_INFINITY;
    let tookMs = 0;
    while (!signal.aborted) {
      // A store that is away is told of elsewhere.
      const places = await this.#listPlaces().catch(() => []);
      // It never takes more than half of the time, though the round then lasts longer.
      const paceMs = Math.max(this.#wish.everyMs / Math.max(1, places.length), 2 * tookMs, SHORTEST_REST_MS);
      const restMs = places.length === 0 ? IDLE_MS : begunMs + paceMs - performance.now();
      const next = restMs > 0 ? undefined : places.find(({ tenant }) => !this.#wish.isBusy(tenant));
      if (next === undefined) {
        await this.#rest(Math.min(Math.max(restMs, SHORTEST_REST_MS), LONGEST_REST_MS));
        continue;
      }
      begunMs = performance.now();
      await this.#prove(next);
      tookMs = performance.now() - begunMs;
    }
  }

  async #rest(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
  }

  async #prove(place: RecheckPlace): Promise<void> {
    const ending = new AbortController();
    this.#triedMs.set(nameOf(place), Date.now());
    this.#current = { tenant: place.tenant, name: nameOf(place), ending };
    try {
      await this.#wish.prove(place, AbortSignal.any([ending.signal, this.#closing.signal]));
    } catch {
      // What there is to say of it has been noted; the rest is a database that is away.
    } finally {
      this.#current = undefined;
    }
  }

  /** The one first that was not looked at for longest. Who is being handed over is left out. */
  async #listPlaces(): Promise<readonly RecheckPlace[]> {
    const { tenures, moveLook, tenants } = this.#wish.store;
    const { moves, changed } = await tenures.news(0);
    const alive = moves.filter(({ state }) => state !== 'retired');
    if (alive.length === 0) return [];
    const tenure = new Map(changed.map((one) => [nameOf(one), one]));
    const seenMs = new Map(
      (await moveLook.proofs()).map((proof) => [nameOf(proof), proof.checkedAt.getTime()]),
    );
    const lastMs = (place: RecheckPlace) =>
      Math.max(seenMs.get(nameOf(place)) ?? 0, this.#triedMs.get(nameOf(place)) ?? 0);
    return (await tenants.list())
      .flatMap(({ id: tenant }) =>
        alive.map(({ feature, tables }) => {
          const known = tenure.get(nameOf({ tenant, feature }));
          return { tenant, feature, tables, owner: known?.owner ?? 'legacy', step: known?.step ?? 'settled' };
        }),
      )
      .filter(({ step }) => step === 'settled')
      .toSorted((one, other) => lastMs(one) - lastMs(other));
  }
}

const nameOf = ({ tenant, feature }: Pick<RecheckPlace, 'tenant' | 'feature'>) => `${tenant} ${feature}`;
