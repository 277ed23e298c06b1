import {
  type Epoch,
  type Failure,
  type FeatureName,
  fail,
  type Side,
  type TenantName,
  type Tenure,
} from '../vocabulary/index.ts';

/** A write that was let in. Whoever has it calls `leave` when it has ended. */
export type Turn = Readonly<{ leave(): void }>;

/** What has one owner, as requests name it. */
export type Ward = Readonly<{ tenant: TenantName; feature: FeatureName }>;

/** Who wants to write. A `stream` (a WebSocket) has no end of its own: it is ended as soon as its rows are to change their owner. */
export type Writer = Ward &
  Readonly<{
    manner: 'request' | 'stream';
    /** Ends it before its side has: it must not be acknowledged any more. */
    cut(failure: Failure): void;
  }>;

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
  /** Told how many writes wait, whenever that changes. */
  onWaiting?: (count: number) => void;
  nowMs?: () => number;
}>;

type Waiting = Readonly<{ go(): void }>;

const LONGEST_MS = 2_000;
const LOST =
  'It cannot be told at the moment where these data are kept. What you sent may have been carried out: look before you repeat it.';
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
  readonly #onWaiting: (count: number) => void;
  /** Writes under way, by tenant and feature, and what ends each of them. */
  readonly #under = new Map<string, Set<Writer>>();
  readonly #waiting = new Set<Waiting>();
  #view: TenureView = NOBODY;
  #trustedUntilMs = Number.NEGATIVE_INFINITY;
  #lessBusy: (() => void)[] = [];
  #expiry: NodeJS.Timeout | undefined;

  constructor({
    longestMs = LONGEST_MS,
    nowMs = () => performance.now(),
    onWaiting = () => undefined,
  }: GateWish = {}) {
    this.#longestMs = longestMs;
    this.#nowMs = nowMs;
    this.#onWaiting = onWaiting;
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
    this.#watchTrust();
    this.#endStreams();
    for (const waiting of this.#waiting) waiting.go();
    this.#tellLessBusy();
  }

  /** Lets a write in, at once or when its owner has settled; a Failure after waiting in vain. */
  enter(writer: Writer): Turn | Promise<Turn | Failure> {
    if (this.#mayEnter(writer)) return this.#letIn(writer);
    const turn = this.#wait(writer);
    const tell = () => this.#onWaiting(this.#waiting.size);
    tell();
    void turn.then(tell);
    return turn;
  }

  /** Nothing waits for the end of a lease any more. */
  close(): void {
    clearTimeout(this.#expiry);
  }

  /** Where writes are still under way though their owner is about to change. An instance may not confirm these places. */
  busy(): readonly Ward[] {
    const writers = [...this.#under.values()].flatMap(([writer]) => writer ?? []);
    return writers
      .filter((writer) => this.#isChanging(writer))
      .map(({ tenant, feature }) => ({ tenant, feature }));
  }

  /** Resolves when one of these places may have become fewer. */
  whenLessBusy(): Promise<void> {
    return new Promise((resolve) => this.#lessBusy.push(resolve));
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  #mayEnter({ tenant, feature }: Writer): boolean {
    if (!this.#view.moved.has(feature)) return true;
    return this.#isTrusted() && this.#view.of(tenant, feature).step === 'settled';
  }

  #isTrusted(): boolean {
    return this.#nowMs() < this.#trustedUntilMs;
  }

  #letIn(writer: Writer): Turn {
    const place = placeOf(writer);
    const here = this.#under.get(place) ?? new Set();
    this.#under.set(place, here.add(writer));
    return {
      leave: () => {
        if (!here.delete(writer) || here.size > 0) return;
        this.#under.delete(place);
        if (this.#isChanging(writer)) this.#tellLessBusy();
      },
    };
  }

  /** Streams whose rows are about to change their owner; whoever listens connects again, and waits at the gate. */
  #endStreams(): void {
    for (const here of this.#under.values())
      for (const writer of [...here])
        if (writer.manner === 'stream' && this.#isChanging(writer))
          writer.cut(fail('write_held', { retryAfterS: 1 }));
  }

  #isChanging({ tenant, feature }: Writer): boolean {
    return this.#view.moved.has(feature) && this.#view.of(tenant, feature).step !== 'settled';
  }

  /** Who can no longer be asked may have changed the owner: what is still under way then is not acknowledged. */
  #watchTrust(): void {
    clearTimeout(this.#expiry);
    const leftMs = this.#trustedUntilMs - this.#nowMs();
    if (this.#view.moved.size > 0)
      this.#expiry = setTimeout(() => this.#cutLost(), Math.max(0, leftMs)).unref();
  }

  #cutLost(): void {
    if (this.#isTrusted()) return this.#watchTrust();
    const failure = fail('owner_unknown', { retrySafe: false, retryAfterS: 1, detail: LOST });
    for (const here of this.#under.values())
      for (const writer of [...here]) if (this.#view.moved.has(writer.feature)) writer.cut(failure);
  }

  #wait(writer: Writer): Promise<Turn | Failure> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        go: () => {
          if (!this.#mayEnter(writer)) return;
          this.#waiting.delete(waiting);
          clearTimeout(timer);
          resolve(this.#letIn(writer));
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        resolve(fail(this.#isTrusted() ? 'write_held' : 'owner_unknown', { retryAfterS: 1 }));
      }, this.#longestMs);
      this.#waiting.add(waiting);
    });
  }

  #tellLessBusy(): void {
    for (const resolve of this.#lessBusy.splice(0)) resolve();
  }
}

// Neither name holds a space.
const placeOf = ({ tenant, feature }: Ward) => `${tenant} ${feature}`;
