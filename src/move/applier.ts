import type { FollowStore, FollowTransaction, LegacyChange, StrangersWrites } from '../store/index.ts';
import type { Position, TenantId } from '../vocabulary/index.ts';
import { type LegacyRegistry, REGISTRY } from './legacy-registry.ts';
import type { LegacyMessage } from './pgoutput.ts';
import { FollowTrouble } from './trouble.ts';

export type ApplierWish = Readonly<{
  store: FollowStore;
  slot: string;
  registry: LegacyRegistry;
  /** Of the mapping by which legacy's log is read. */
  mappingRevision: number;
  /** In the store already. */
  position: Position;
  /** Up to here each of legacy's transactions goes alone and row by row: one of them did not fit. */
  carefulUpTo: Position;
  onStored: (position: Position) => void;
  onMark: (token: string, position: Position) => void;
  onApart: (tenant: TenantId, tables: readonly string[]) => void;
  /** Once they are noted in the store. */
  onStrangers: (tenant: TenantId, wrote: StrangersWrites) => void;
}>;

// What is held in memory of a transaction, and what shares one transaction of the store.
const HELD_CHANGES = 500;
const HELD_CHARACTERS = 1_000_000;
const SHARED_CHANGES = 1_000;
const SHARED_MS = 50;

type Held = { readonly tenant: TenantId; readonly changes: LegacyChange[]; characters: number };
type Transaction = {
  readonly position: Position;
  readonly tokens: string[];
  /** Tables of which it only repeats what the new side wrote; undefined where it is legacy's own. */
  returned: ReadonlySet<string> | undefined;
};
type Shared = { readonly store: FollowTransaction; readonly sinceMs: number; changes: number };

/** Turns legacy's messages, in their order, into transactions of the store. */
export class Applier {
  readonly #wish: ApplierWish;
  #stored: Position;
  /** The last of legacy's transactions that was read to its end. */
  #read: Position;
  #current: Transaction | undefined;
  #held: Held | undefined;
  #shared: Shared | undefined;
  /** Read, and not stored yet. */
  #marks: string[] = [];
  #strangers: Readonly<{ tenant: TenantId; wrote: StrangersWrites }>[] = [];

  constructor(wish: ApplierWish) {
    this.#wish = wish;
    this.#stored = wish.position;
    this.#read = wish.position;
  }

  /** Which of legacy's transactions is being read, or was read last. */
  get position(): Position {
    return this.#current?.position ?? this.#read;
  }

  get isIdle(): boolean {
    return this.#current === undefined && !this.#hasDue();
  }

  /** `hasMore`: the next message is here already, so that neighbours may share a transaction of the store. */
  async take(message: LegacyMessage, hasMore: boolean): Promise<void> {
    await this.#digest(message);
    const isBetween = this.#current === undefined;
    if (isBetween && this.#hasDue() && (!hasMore || this.#isFull())) await this.#store(this.#read);
  }

  /** Nothing is on its way: legacy's log was read up to here. Answers false where that is not so. */
  async rest(position: Position): Promise<boolean> {
    if (!this.isIdle || position <= this.#stored) return false;
    await this.#store(position);
    return true;
  }

  async undo(): Promise<void> {
    await this.#shared?.store.undo();
    this.#shared = undefined;
  }

  #hasDue(): boolean {
    return this.#shared !== undefined || this.#marks.length > 0;
  }

  #isFull(): boolean {
    // Who waits for a mark wants to know what was before it, and nothing later.
    if (this.#isCareful() || this.#shared === undefined || this.#marks.length > 0) return true;
    return this.#shared.changes >= SHARED_CHANGES || performance.now() - this.#shared.sinceMs >= SHARED_MS;
  }

  #isCareful(): boolean {
    return this.position <= this.#wish.carefulUpTo;
  }

  async #digest(message: LegacyMessage): Promise<void> {
    switch (message.kind) {
      case 'begin':
        this.#current = { position: message.position, tokens: [], returned: undefined };
        return;
      case 'change':
        return this.#change(message);
      case 'truncate':
        for (const { schema, table } of message.tables)
          await this.#change({
            kind: 'change',
            schema,
            change: { table, change: 'truncate' },
            characters: 0,
          });
        return;
      case 'returned':
        if (this.#current) this.#current.returned = new Set(message.tables);
        return;
      case 'mark':
        this.#current?.tokens.push(message.token);
        return;
      case 'commit':
        return this.#commit();
      case 'other':
        return;
    }
  }

  async #change({ schema, change, characters }: Extract<LegacyMessage, { kind: 'change' }>): Promise<void> {
    const { registry } = this.#wish;
    if (schema === REGISTRY.schema && change.table === REGISTRY.table) registry.heed(change);
    if (this.#current === undefined || this.#current.position <= this.#stored) return;
    if (this.#current.returned?.has(change.table) || isOurs(schema, change.table)) return;
    const tenant = await registry.find(schema);
    if (tenant === undefined) return;
    if (this.#held && (this.#held.tenant !== tenant || isLarge(this.#held))) await this.#apply();
    this.#held ??= { tenant, changes: [], characters: 0 };
    this.#held.changes.push(change);
    this.#held.characters += characters;
  }

  async #apply(): Promise<void> {
    const [held, current] = [this.#held, this.#current];
    this.#held = undefined;
    if (held === undefined || current === undefined) return;
    this.#shared ??= await this.#begin(held.tenant);
    if (current.position <= this.#stored) return;
    this.#shared.changes += held.changes.length;
    const origin = current.returned === undefined ? 'legacy' : 'returned';
    const { tenant, changes } = held;
    const { apart, strangers } = await this.#shared.store.apply(current.position, tenant, changes, origin);
    if (apart.length > 0) this.#wish.onApart(tenant, apart);
    this.#strangers.push(...strangers.map((wrote) => ({ tenant, wrote })));
  }

  async #commit(): Promise<void> {
    await this.#apply();
    const { position = this.#read, tokens = [] } = this.#current ?? {};
    this.#current = undefined;
    if (position > this.#read) this.#read = position;
    for (const token of tokens) {
      // Here before: a stream that begins anew repeats what it has said.
      if (position <= this.#stored) this.#wish.onMark(token, this.#stored);
      else this.#marks.push(token);
    }
  }

  async #begin(tenant?: TenantId): Promise<Shared> {
    const { store, slot, mappingRevision } = this.#wish;
    const begun = await store.begin(slot, this.#isCareful() ? 'one_by_one' : 'together', tenant);
    if (begun === undefined)
      throw new FollowTrouble(
        `The store does not know the slot "${slot}" any more. Run "banyan follow" anew.`,
      );
    if (begun.mappingRevision !== mappingRevision) {
      await begun.undo();
      throw new FollowTrouble('Names of legacy have been mapped anew: its log is read again.', 'passing');
    }
    // Another instance may have been here between two streams.
    if (begun.position > this.#stored) this.#stored = begun.position;
    return { store: begun, sinceMs: performance.now(), changes: 0 };
  }

  async #store(position: Position): Promise<void> {
    const { store } = this.#shared ?? (await this.#begin());
    const marks = this.#marks;
    if (position > this.#stored) {
      await store.commit(position);
      this.#stored = position;
    } else await store.undo();
    this.#shared = undefined;
    this.#marks = [];
    this.#wish.onStored(this.#stored);
    for (const { tenant, wrote } of this.#strangers.splice(0)) this.#wish.onStrangers(tenant, wrote);
    // Who waits for a mark looks at the rows of just this moment.
    if (marks.length > 0) await this.#wish.store.hold(this.#wish.slot);
    for (const token of marks) this.#wish.onMark(token, this.#stored);
  }
}

/** How far rows have been carried back. */
const isOurs = (schema: string, table: string) => schema === 'banyan' && table === 'returned';
const isLarge = ({ changes, characters }: Held) =>
  changes.length >= HELD_CHANGES || characters >= HELD_CHARACTERS;
