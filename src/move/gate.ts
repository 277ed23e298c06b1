import {
  type Epoch,
  type Failure,
  type FeatureName,
  fail,
  type Side,
  type TenantName,
  type Tenure,
} from '../vocabulary/index.ts';

/** A write that was let in. Whoever has it calls `leave` when nothing of it can happen any more. */
export type Turn = Readonly<{ leave(): void }>;

/** What an instance knows of owners, at one epoch. */
export type TenureView = Readonly<{
  epoch: Epoch;
  /** Features that have owners. */
  moved: ReadonlySet<FeatureName>;
  of(tenant: TenantName, feature: FeatureName): Tenure;
}>;

export type GateWish = Readonly<{
  /** How long a write waits for an owner; default 2 s. */
  longestMs?: number;
  nowMs?: () => number;
}>;

type Waiting = Readonly<{ place: string; go(): void }>;

const LONGEST_MS = 2_000;
const NOBODY: TenureView = {
  epoch: 0,
  moved: new Set(),
  of: () => ({ owner: 'legacy', step: 'settled' }),
};

/**
 * Where writes are let in, each to the side that owns its tenant's feature: at once, or after the owner has changed. Counts those under
 * way, so that an instance can say that none is left which began under the owner before.
 */
export class Gate {
  readonly #longestMs: number;
  readonly #nowMs: () => number;
  /** Writes under way, by tenant and feature. */
  readonly #under = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  #view: TenureView = NOBODY;
  #trustedUntilMs = Number.NEGATIVE_INFINITY;
  #quiet: (() => void)[] = [];

  constructor({ longestMs = LONGEST_MS, nowMs = () => performance.now() }: GateWish = {}) {
    this.#longestMs = longestMs;
    this.#nowMs = nowMs;
  }

  /** Undefined where nobody moves the feature: its flag alone says where its writes go. */
  readonly ownerOf = (tenant: TenantName | undefined, feature: FeatureName | undefined): Side | undefined => {
    if (tenant === undefined || feature === undefined || !this.#view.moved.has(feature)) return undefined;
    return this.#view.of(tenant, feature).owner;
  };

  /** What is known from now on, and until when it may be relied on (by `nowMs`). Lets in who waited for it. */
  know(view: TenureView, trustedUntilMs: number): void {
    this.#view = view;
    this.#trustedUntilMs = trustedUntilMs;
    for (const waiting of this.#waiting) waiting.go();
    this.#tellQuiet();
  }

  /** Lets a write in, at once or when its owner has settled; a Failure after waiting in vain. */
  enter(tenant: TenantName, feature: FeatureName): Turn | Promise<Turn | Failure> {
    return this.#mayEnter(tenant, feature) ? this.#letIn(tenant, feature) : this.#wait(tenant, feature);
  }

  /** Resolves when no write is under way whose owner is about to change. Only then an instance may confirm what it knows. */
  whenQuiet(): Promise<void> {
    if (this.isQuiet) return Promise.resolve();
    return new Promise((resolve) => this.#quiet.push(resolve));
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  #mayEnter(tenant: TenantName, feature: FeatureName): boolean {
    if (!this.#view.moved.has(feature)) return true;
    return this.#isTrusted() && this.#view.of(tenant, feature).step === 'settled';
  }

  #isTrusted(): boolean {
    return this.#nowMs() < this.#trustedUntilMs;
  }

  #letIn(tenant: TenantName, feature: FeatureName): Turn {
    const place = placeOf(tenant, feature);
    this.#under.set(place, (this.#under.get(place) ?? 0) + 1);
    let isIn = true;
    return {
      leave: () => {
        if (!isIn) return;
        isIn = false;
        const left = (this.#under.get(place) ?? 1) - 1;
        if (left > 0) this.#under.set(place, left);
        else this.#under.delete(place);
        if (left === 0) this.#tellQuiet();
      },
    };
  }

  #wait(tenant: TenantName, feature: FeatureName): Promise<Turn | Failure> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        place: placeOf(tenant, feature),
        go: () => {
          if (!this.#mayEnter(tenant, feature)) return;
          this.#waiting.delete(waiting);
          clearTimeout(timer);
          resolve(this.#letIn(tenant, feature));
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        resolve(fail(this.#isTrusted() ? 'write_held' : 'owner_unknown', { retryAfterS: 1 }));
      }, this.#longestMs);
      this.#waiting.add(waiting);
    });
  }

  /** No write is under way whose owner is about to change. */
  get isQuiet(): boolean {
    for (const place of this.#under.keys()) {
      const [tenant, feature] = place.split(' ') as [TenantName, FeatureName];
      if (this.#view.moved.has(feature) && this.#view.of(tenant, feature).step !== 'settled') return false;
    }
    return true;
  }

  #tellQuiet(): void {
    if (this.#quiet.length === 0 || !this.isQuiet) return;
    for (const resolve of this.#quiet.splice(0)) resolve();
  }
}

// Neither name holds a space.
const placeOf = (tenant: TenantName, feature: FeatureName) => `${tenant} ${feature}`;
