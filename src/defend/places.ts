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
  return (bid) => {
    const tenant = nameTenantKey(bid);
    const stream = { key: `streams ${tenant}`, most: limits.streams };
    if (bid.manner === 'stream') {
      const taken = walls.enter(stream.key, stream.most);
      return taken === undefined ? refuseTenant() : openPlace(walls, [taken], stream);
    }
    const feature = nameFeatureKey(bid);
    const most = limitFeature(limits, bid);
    const ofTenant = walls.enter(`tenant ${tenant}`, limits.tenant);
    if (ofTenant === undefined) return refuseTenant();
    const ofBoth = walls.enter(`${feature} of ${tenant}`, Math.ceil(most * TENANTS_SHARE));
    if (ofBoth === undefined) return leaveAll(walls, [ofTenant], refuseTenant());
    const ofFeature = walls.enter(feature, limitStrangers(bid, most));
    if (ofFeature === undefined) return leaveAll(walls, [ofTenant, ofBoth], refuseFeature(bid.side));
    return openPlace(walls, [ofTenant, ofBoth, ofFeature], stream);
  };
}

function leaveAll(walls: Bulkhead, taken: readonly Compartment[], failure: Failure): Failure {
  for (const one of taken) walls.leave(one);
  return failure;
}

type StreamWall = Readonly<{ key: string; most: number }>;

function openPlace(walls: Bulkhead, taken: readonly Compartment[], stream: StreamWall): Place {
  let held = taken;
  // Its own outcome, and whatever goes on.
  let open = 1;
  let isLeft = false;
  const close = () => {
    open -= 1;
    if (open > 0) return;
    for (const one of held) walls.leave(one);
    held = [];
  };
  return {
    becomeStream() {
      if (isLeft || held[0]?.key === stream.key) return;
      const among = walls.enter(stream.key, stream.most);
      if (among === undefined) return;
      for (const one of held) walls.leave(one);
      held = [among];
    },
    keepUntil(end) {
      if (isLeft) return;
      open += 1;
      end.then(close, close);
    },
    leave() {
      if (isLeft) return;
      isLeft = true;
      close();
    },
  };
}

// Whoever only names a tenant, by its host, does not use up the places of those who can prove to be of it.
function nameTenantKey({ caller, peer }: Bid): string {
  if (caller.kind === 'known') return caller.tenant;
  return caller.tenant === undefined ? `somebody at ${peer}` : `somebody for ${caller.tenant}`;
}

function nameFeatureKey({ side, feature, manner }: Bid): string {
  return `${manner === 'instead' ? 'instead' : side} ${feature ?? 'unlisted'}`;
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
