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
  const findTenant = openTenants(walls);
  return (bid) => {
    const tenant = findTenant(bid);
    if (bid.manner === 'stream') {
      const { streams } = tenant;
      return walls.enter(streams, limits.streams)
        ? new OpenPlace(walls, [streams], tenant, limits)
        : refuseTenant();
    }
    const most = limitFeature(limits, bid);
    const { all } = tenant;
    const { ofBoth, ofFeature } = tenant.findFeature(bid);
    if (!walls.enter(all, limits.tenant)) return refuseTenant();
    if (!walls.enter(ofBoth, Math.ceil(most * TENANTS_SHARE))) return leaveAll(walls, [all], refuseTenant());
    if (!walls.enter(ofFeature, limitStrangers(bid, most)))
      return leaveAll(walls, [all, ofBoth], refuseFeature(bid.side));
    return new OpenPlace(walls, [all, ofBoth, ofFeature], tenant, limits);
  };
}

function leaveAll(walls: Bulkhead, taken: readonly Compartment[], failure: Failure): Failure {
  for (const one of taken) walls.leave(one);
  return failure;
}

class OpenPlace implements Place {
  readonly #walls: Bulkhead;
  readonly #tenant: Tenant;
  readonly #limits: PlaceLimits;
  #held: readonly Compartment[];
  /** Its own outcome, and whatever goes on. */
  #open = 1;
  #isLeft = false;

  constructor(walls: Bulkhead, held: readonly Compartment[], tenant: Tenant, limits: PlaceLimits) {
    this.#walls = walls;
    this.#held = held;
    this.#tenant = tenant;
    this.#limits = limits;
  }

  becomeStream(): void {
    const { streams } = this.#tenant;
    if (this.#isLeft || this.#held[0] === streams || !this.#walls.enter(streams, this.#limits.streams))
      return;
    this.#giveBack();
    this.#held = [streams];
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

type OfFeature = Readonly<{ ofBoth: Compartment; ofFeature: Compartment }>;

/** Where one tenant's requests are counted. */
class Tenant {
  readonly #walls: Bulkhead;
  readonly #name: string;
  #all: Compartment | undefined;
  #streams: Compartment | undefined;
  readonly #features: Partial<Record<Way, Map<string, OfFeature>>> = {};

  constructor(walls: Bulkhead, name: string) {
    this.#walls = walls;
    this.#name = name;
  }

  get all(): Compartment {
    this.#all = this.#all ? this.#walls.renew(this.#all) : this.#walls.find(`tenant ${this.#name}`);
    return this.#all;
  }

  get streams(): Compartment {
    this.#streams = this.#streams
      ? this.#walls.renew(this.#streams)
      : this.#walls.find(`streams ${this.#name}`);
    return this.#streams;
  }

  /** Those of one feature, on one side. */
  findFeature(bid: Bid): OfFeature {
    const { feature = 'unlisted' } = bid;
    const way = bid.manner === 'instead' ? 'instead' : bid.side;
    this.#features[way] ??= new Map();
    const known = this.#features[way].get(feature);
    if (known !== undefined && !known.ofBoth.isForgotten && !known.ofFeature.isForgotten) return known;
    const key = `${way} ${feature}`;
    const fresh = { ofBoth: this.#walls.find(`${key} of ${this.#name}`), ofFeature: this.#walls.find(key) };
    this.#features[way].set(feature, fresh);
    return fresh;
  }
}

type Way = Side | 'instead';

/** A known caller is the same one for a minute: to put the keys of its places together and to look them up each time took 1 µs. */
function openTenants(walls: Bulkhead): (bid: Bid) => Tenant {
  const ofKnown = new WeakMap<Caller, Tenant>();
  return ({ caller, peer }) => {
    // Whoever only names a tenant, by its host, does not use up the places of those who can prove to be of it.
    if (caller.kind !== 'known')
      return new Tenant(
        walls,
        caller.tenant === undefined ? `somebody at ${peer}` : `somebody for ${caller.tenant}`,
      );
    const known = ofKnown.get(caller);
    if (known !== undefined) return known;
    const fresh = new Tenant(walls, caller.tenant);
    ofKnown.set(caller, fresh);
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
