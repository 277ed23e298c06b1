import { StoreUnavailable } from './errors.ts';

/** Connections are shared by all features of the new side: one that hangs on a lock must not hold all of them. */
export type Shares = Readonly<{
  /** Waits for a place among those of this feature; answers how it is given back. Throws StoreUnavailable (`crowded`). */
  take(feature: string): Promise<() => void>;
}>;

/** Of all connections, for any one feature: one that works alone loses little, and the others always find some. */
const SHARE = 0.75;

type Queue = { taken: number; readonly waiting: Set<() => void> };

export function openShares(connections: number, patienceMs: number): Shares {
  const most = Math.max(1, Math.floor(connections * SHARE));
  const queues = new Map<string, Queue>();
  const leave = (feature: string, queue: Queue) => {
    const [next] = queue.waiting;
    if (next) next();
    else queue.taken -= 1;
    if (queue.taken === 0) queues.delete(feature);
  };
  return {
    async take(feature) {
      const queue = queues.get(feature) ?? { taken: 0, waiting: new Set() };
      queues.set(feature, queue);
      // Whoever leaves hands the place on, so that the count stays.
      if (queue.taken < most) queue.taken += 1;
      else await waitIn(queue.waiting, patienceMs);
      return () => leave(feature, queue);
    },
  };
}

function waitIn(waiting: Set<() => void>, patienceMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      waiting.delete(end);
      resolve();
    };
    const timer = setTimeout(() => {
      waiting.delete(end);
      reject(new StoreUnavailable(new Error(TOO_LONG), { reason: 'crowded' }));
    }, patienceMs);
    waiting.add(end);
  });
}

const TOO_LONG = 'waited too long for a place among the connections of this feature';
