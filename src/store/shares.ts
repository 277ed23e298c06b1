import { StoreUnavailable } from './errors.ts';

/** Connections are shared by all features of the new side: one that hangs on a lock must not hold all of them. */
export type Shares = Readonly<{
  /**
   * Waits for a connection to be free, and for a place among those of this feature; answers how it is given back. Without a feature (a
   * rehearsal) only the connection counts. Throws StoreUnavailable (`crowded`).
   */
  take(feature: string | undefined): Promise<() => void>;
  /** How many have a connection, and how many wait for one. */
  count(): Readonly<{ busy: number; waiting: number }>;
}>;

/** Of all connections, for any one feature: one that works alone loses little, and the others always find some. */
const SHARE = 0.75;

type Waiter = Readonly<{ feature: string | undefined; serve: () => void }>;

export function openShares(connections: number, patienceMs: number): Shares {
  const most = Math.max(1, Math.floor(connections * SHARE));
  const byFeature = new Map<string | undefined, number>();
  const waiters = new Set<Waiter>();
  let busy = 0;
  const hasPlace = (feature: string | undefined) =>
    busy < connections && (feature === undefined || (byFeature.get(feature) ?? 0) < most);
  const enter = (feature: string | undefined) => {
    busy += 1;
    byFeature.set(feature, (byFeature.get(feature) ?? 0) + 1);
  };
  const leave = (feature: string | undefined) => {
    busy -= 1;
    byFeature.set(feature, (byFeature.get(feature) ?? 0) - 1);
    // Who has waited longest, of those whose feature has a place.
    for (const waiter of waiters) if (hasPlace(waiter.feature)) return waiter.serve();
  };
  const wait = (feature: string | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const serve = () => {
        clearTimeout(timer);
        waiters.delete(waiter);
        // Before anybody else can come in between.
        enter(feature);
        resolve();
      };
      const waiter = { feature, serve };
      const timer = setTimeout(() => {
        waiters.delete(waiter);
        reject(new StoreUnavailable(new Error(TOO_LONG), { reason: 'crowded' }));
      }, patienceMs);
      waiters.add(waiter);
    });
  return {
    take: async (feature) => {
      if (hasPlace(feature)) enter(feature);
      else await wait(feature);
      return () => leave(feature);
    },
    count: () => ({ busy, waiting: waiters.size }),
  };
}

const TOO_LONG = 'waited too long for a connection, or for a place among those of this feature';
