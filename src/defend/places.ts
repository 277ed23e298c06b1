import { type Caller, type Failure, type FeatureName, fail, type Side } from '../vocabulary/index.ts';
import { type Bulkhead, type Compartment, createBulkhead } from './bulkhead.ts';

/** How a request wants to be worked on. */
export type Bid = Readonly<{
  side: Side;
  feature: FeatureName | undefined;
  caller: Caller;
  /** Whom it came from, for callers without a tenant. */
  peer: string;
  /** `instead`: legacy in the place of a new side that fails. `stream`: it has no end of its own, as a WebSocket. */
  manner: 'plain' | 'instead' | 'stream';
}>;

export type Place = Readonly<{
  /**
   * It has turned into a stream without an end of its own (server-sent events): those are counted apart. One that has begun is not broken
   * off: where no place among the streams is free, it keeps the one that it has.
   */
  becomeStream(): void;
  /** Something of it goes on after its outcome is known: the place is taken until then. Ask before `leave`. */
  keepUntil(end: Promise<unknown>): void;
  leave(): void;
}>;

/** How many requests may be worked on at once, in this process. */
export type PlaceLimits = Readonly<{
  /** Of one tenant, whatever they ask for. */
  tenant: number;
  /** Streams and WebSockets of one tenant. */
  streams: number;
  /** Of one feature on one side, where the table says nothing else. */
  feature: number;
  /** Of one feature, by legacy in the place of its failing new side. */
  instead: number;
  /** What the table says of a feature. */
  ofFeature(feature: FeatureName): number | undefined;
}>;

const SOON_S = 1;
/** Of a feature's places, for callers who have not said who they are: there are always some left for those who have. */
const STRANGERS_SHARE = 0.75;
/** And for any one tenant: there are always some left for the others, however few there are. */
const TENANTS_SHARE = 0.5;

/** A tenant that floods takes no other tenant's places, a feature that hangs takes no other feature's. */
export function openPlaces(limits: PlaceLimits): (bid: Bid) => Place | Failure {
  const walls = createBulkhead();
  const nameFeature = openFeatureNames();
  return (bid) => {
    const keys = findTenantKeys(bid);
    if (bid.manner === 'stream') {
      const taken = walls.enter(keys.streams, limits.streams);
      return taken === undefined ? refuseTenant() : new OpenPlace(walls, [taken], keys, limits);
    }
    const feature = nameFeature(bid);
    const most = limitFeature(limits, bid);
    const ofTenant = walls.enter(keys.tenant, limits.tenant);
    if (ofTenant === undefined) return refuseTenant();
    const ofBoth = walls.enter(keys.of(feature), Math.ceil(most * TENANTS_SHARE));
    if (ofBoth === undefined) return leaveAll(walls, [ofTenant], refuseTenant());
    const ofFeature = walls.enter(feature, limitStrangers(bid, most));
    if (ofFeature === undefined) return leaveAll(walls, [ofTenant, ofBoth], refuseFeature(bid.side));
    return new OpenPlace(walls, [ofTenant, ofBoth, ofFeature], keys, limits);
  };
}

function leaveAll(walls: Bulkhead, taken: readonly Compartment[], failure: Failure): Failure {
  for (const one of taken) walls.leave(one);
  return failure;
}

class OpenPlace implements Place {
  readonly #walls: Bulkhead;
  readonly #keys: TenantKeys;
  readonly #limits: PlaceLimits;
  #held: readonly Compartment[];
  /** Its own outcome, and whatever goes on. */
  #open = 1;
  #isLeft = false;

  constructor(walls: Bulkhead, held: readonly Compartment[], keys: TenantKeys, limits: PlaceLimits) {
    this.#walls = walls;
    this.#held = held;
    this.#keys = keys;
    this.#limits = limits;
  }

  becomeStream(): void {
    const { streams } = this.#keys;
    if (this.#isLeft || this.#held[0]?.key === streams) return;
    const among = this.#walls.enter(streams, this.#limits.streams);
    if (among === undefined) return;
    this.#giveBack();
    this.#held = [among];
  }

  keepUntil(end: Promise<unknown>): void {
    if (this.#isLeft) return;
    this.#open += 1;
    const close = () => this.#close();
    end.then(close, close);
  }

  leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#close();
  }

  #close(): void {
    this.#open -= 1;
    if (this.#open > 0) return;
    this.#giveBack();
    this.#held = [];
  }

  #giveBack(): void {
    for (const one of this.#held) this.#walls.leave(one);
  }
}

/** Under which keys one tenant's places are counted. */
class TenantKeys {
  readonly tenant: string;
  readonly streams: string;
  readonly #name: string;
  readonly #ofBoth = new Map<string, string>();

  constructor(name: string) {
    this.#name = name;
    this.tenant = `tenant ${name}`;
    this.streams = `streams ${name}`;
  }

  /** Of this tenant in that feature. */
  of(feature: string): string {
    const known = this.#ofBoth.get(feature);
    if (known !== undefined) return known;
    const fresh = `${feature} of ${this.#name}`;
    this.#ofBoth.set(feature, fresh);
    return fresh;
  }
}

/** A known caller is the same one for a minute: to put its keys together and to hash them each time is 0.5 µs. */
const keysOfKnown = new WeakMap<Caller, TenantKeys>();

// Whoever only names a tenant, by its host, does not use up the places of those who can prove to be of it.
function findTenantKeys({ caller, peer }: Bid): TenantKeys {
  if (caller.kind !== 'known')
    return new TenantKeys(
      caller.tenant === undefined ? `somebody at ${peer}` : `somebody for ${caller.tenant}`,
    );
  const known = keysOfKnown.get(caller);
  if (known !== undefined) return known;
  const fresh = new TenantKeys(caller.tenant);
  keysOfKnown.set(caller, fresh);
  return fresh;
}

/** Features are those of the tables that were in force, so that these names are few. */
function openFeatureNames(): (bid: Bid) => string {
  const known = { legacy: new Map<string, string>(), new: new Map(), instead: new Map() } as const;
  return ({ side, feature = 'unlisted', manner }) => {
    const way = manner === 'instead' ? 'instead' : side;
    const name = known[way].get(feature);
    if (name !== undefined) return name;
    const fresh = `${way} ${feature}`;
    known[way].set(feature, fresh);
    return fresh;
  };
}

function limitFeature(limits: PlaceLimits, { feature, manner }: Bid): number {
  const most = (feature && limits.ofFeature(feature)) ?? limits.feature;
  return manner === 'instead' ? Math.min(most, limits.instead) : most;
}

const limitStrangers = ({ caller }: Bid, most: number) =>
  caller.kind === 'known' ? most : Math.ceil(most * STRANGERS_SHARE);

const refuseTenant = () => fail('tenant_busy', { retryAfterS: SOON_S });
const refuseFeature = (side: Side) =>
  fail(side === 'legacy' ? 'legacy_busy' : 'new_busy', { retryAfterS: SOON_S });
