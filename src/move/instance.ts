import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type {
  Epoch,
  FeatureName,
  MoveRecord,
  Place,
  TenantId,
  TenantName,
  Tenure,
  TenureBook,
  TenureNews,
} from '../vocabulary/index.ts';
import { Gate, type GateWish, type TenureView } from './gate.ts';

export type InstanceWish = GateWish &
  Readonly<{
    tenures: TenureBook;
    /** Names come from requests, numbers stand in the book. Undefined: the new side does not know the tenant, and legacy owns what it has. */
    idOf: (tenant: TenantName) => TenantId | undefined;
    /** Which of several workers this is. */
    worker?: number | undefined;
  }>;

export type Instance = Readonly<{
  id: string;
  gate: Gate;
  /** Features that are being moved, or were. */
  moves(): readonly MoveRecord[];
  /** Takes its name out of the book: nobody waits for it any more. */
  close(): Promise<void>;
}>;

// How long others wait for an instance that says nothing, and how much earlier it stops to act on what it knew.
const LEASE_MS = 5_000;
const MARGIN_MS = 1_000;
const BEAT_MS = 1_000;
const RETRY_MS = 100;
const LEGACYS: Tenure = Object.freeze({ owner: 'legacy', step: 'settled' });

/** Resolves once the book is known. From then on it is read whenever it changes, and once a second. */
export async function openInstance(wish: InstanceWish): Promise<Instance> {
  const attendance = new Attendance(wish);
  await attendance.begin();
  const { id, gate } = attendance;
  return { id, gate, moves: () => attendance.moves, close: () => attendance.close() };
}

class Attendance {
  readonly id = randomUUID();
  readonly gate: Gate;
  readonly #wish: InstanceWish;
  readonly #name: string;
  readonly #tenures = new Map<string, Tenure>();
  readonly #closing = new AbortController();
  #listening: Readonly<{ close(): Promise<void> }> | undefined;
  #known: Epoch = 0;
  #confirmed: Epoch = 0;
  #told: Readonly<{ heard: Epoch; busy: readonly Place[] }> = { heard: 0, busy: [] };
  #moved: ReadonlySet<FeatureName> = new Set();
  #moves: readonly MoveRecord[] = [];
  #isAsked = false;
  #tellAsked: () => void = () => undefined;
  #untilMs = 0;
  #trustedUntilMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();

  constructor(wish: InstanceWish) {
    this.#wish = wish;
    this.gate = new Gate(wish);
    this.#name = [
      hostname(),
      process.pid,
      ...(wish.worker === undefined ? [] : [`worker ${wish.worker}`]),
    ].join(' ');
  }

  get moves(): readonly MoveRecord[] {
    return this.#moves;
  }

  async begin(): Promise<void> {
    await this.#beat();
    this.#listening = this.#wish.tenures.listen(this.#ask);
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#ask();
    await this.#running;
    this.gate.close();
    await this.#listening?.close();
    await this.#wish.tenures.leave(this.id).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#pause(this.#untilMs - this.#nowMs());
      if (signal.aborted) return;
      // While the book cannot be read the lease runs out by itself.
      await this.#look().catch(() => this.#plan(RETRY_MS));
    }
  }

  /** Until there is news, or the next beat is due, or more can be confirmed than was. */
  async #pause(forMs: number): Promise<void> {
    if (this.#isAsked || this.#hasMoreToTell()) return;
    const over = new AbortController();
    const pauses = [wait(Math.max(0, forMs), undefined, { signal: over.signal }), this.#untilAsked()];
    if (this.#known !== this.#confirmed) pauses.push(this.gate.whenLessBusy());
    await Promise.race(pauses);
    over.abort();
    pauses[0]?.catch(() => undefined);
  }

  #untilAsked(): Promise<void> {
    return new Promise((resolve) => {
      this.#tellAsked = resolve;
    });
  }

  readonly #ask = () => {
    this.#isAsked = true;
    this.#tellAsked();
  };

  #plan(inMs: number): void {
    this.#untilMs = this.#nowMs() + inMs;
  }

  /** What is due: a sign of life, or only a look at what has changed. */
  async #look(): Promise<void> {
    if (this.#nowMs() >= this.#untilMs) return this.#beat();
    this.#isAsked = false;
    await this.#read();
    await this.#confirm();
  }

  /**
   * Tells first that this instance is there, and reads afterwards: whoever changes an owner later than that waits for it, and an earlier
   * change is read here. Only this makes its lease longer.
   */
  async #beat(): Promise<void> {
    this.#isAsked = false;
    const sentMs = this.#nowMs();
    await this.#attend();
    this.#trustedUntilMs = sentMs + LEASE_MS - MARGIN_MS;
    await this.#read();
    this.#plan(BEAT_MS);
    await this.#confirm();
  }

  async #read(): Promise<void> {
    this.#note(await this.#wish.tenures.news(this.#known));
    this.gate.know(this.#view(), this.#trustedUntilMs);
  }

  /** Says at once what it acts on, and where writes from before are still under way: a slow one of one tenant holds up nobody else. */
  async #confirm(): Promise<void> {
    if (!this.#hasMoreToTell()) return;
    const busy = this.#listBusy();
    this.#told = { heard: this.#known, busy };
    if (busy.length === 0) this.#confirmed = this.#known;
    await this.#attend();
  }

  #hasMoreToTell(): boolean {
    const { heard, busy } = this.#told;
    return heard !== this.#known || (busy.length > 0 && this.#listBusy().length < busy.length);
  }

  #listBusy(): readonly Place[] {
    return this.gate.busy().flatMap(({ tenant: name, feature }) => {
      const tenant = this.#wish.idOf(name);
      return tenant === undefined ? [] : [{ tenant, feature }];
    });
  }

  #attend(): Promise<void> {
    const [id, name, epoch] = [this.id, this.#name, this.#confirmed];
    return this.#wish.tenures.attend({ id, name, epoch, ...this.#told, leaseMs: LEASE_MS });
  }

  #nowMs(): number {
    return (this.#wish.nowMs ?? (() => performance.now()))();
  }

  #note({ epoch, moves, changed }: TenureNews): void {
    this.#known = epoch;
    this.#moves = moves;
    this.#moved = new Set(moves.flatMap(({ feature, state }) => (state === 'retired' ? [] : [feature])));
    for (const { tenant, feature, owner, step } of changed)
      this.#tenures.set(`${tenant} ${feature}`, Object.freeze({ owner, step }));
  }

  #view(): TenureView {
    return {
      epoch: this.#known,
      moved: this.#moved,
      of: (tenant, feature) => {
        const id = this.#wish.idOf(tenant);
        return (id === undefined ? undefined : this.#tenures.get(`${id} ${feature}`)) ?? LEGACYS;
      },
    };
  }
}
