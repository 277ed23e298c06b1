import { type Caller, type Failure, type FeatureName, fail, type Side } from '../vocabulary/index.ts';
import { createBulkhead } from './bulkhead.ts';

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
  /** It has turned into a stream without an end of its own (server-sent events): those are counted apart. */
  becomeStream(): void;
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

/** Two walls: a tenant that floods takes no other tenant's places, a feature that hangs takes no other feature's. */
export function openPlaces(limits: PlaceLimits): (bid: Bid) => Place | Failure {
  const walls = createBulkhead();
  return (bid) => {
    const tenant = nameTenantKey(bid);
    const [own, most] =
      bid.manner === 'stream' ? [`streams ${tenant}`, limits.streams] : [`tenant ${tenant}`, limits.tenant];
    if (!walls.enter(own, most)) return refuseTenant();
    if (bid.manner === 'stream')
      return { becomeStream: () => undefined, leave: once(() => walls.leave(own)) };
    const shared = nameFeatureKey(bid);
    if (!walls.enter(shared, limitFeature(limits, bid))) {
      walls.leave(own);
      return refuseFeature(bid.side);
    }
    let held = [own, shared];
    const leave = once(() => held.forEach(walls.leave));
    return {
      leave,
      // One that has begun is not broken off, even where the tenant has too many of them.
      becomeStream: () => {
        held.forEach(walls.leave);
        held = walls.enter(`streams ${tenant}`, Number.MAX_SAFE_INTEGER) ? [`streams ${tenant}`] : [];
      },
    };
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

const refuseTenant = () => fail('tenant_busy', { retryAfterS: SOON_S });
const refuseFeature = (side: Side) =>
  fail(side === 'legacy' ? 'legacy_busy' : 'new_busy', { retryAfterS: SOON_S });

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
