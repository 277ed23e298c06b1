import { Gauge, type Registry } from 'prom-client';
import type { BanyanEvent } from '../vocabulary/index.ts';
import { BucketHistogram, Buckets } from './bucket-histogram.ts';

// Nobody waits longer than two seconds; most wait for nothing.
const SECONDS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2];

/** Who waits for a connection to the new store, and how long. */
export function createStoreMetrics(registry: Registry): (event: BanyanEvent) => void {
  const registers = [registry];
  const waits = { served: new Buckets(SECONDS), crowded: new Buckets(SECONDS) };
  new BucketHistogram(
    {
      name: 'banyan_store_wait_seconds',
      help: 'From when a transaction of the new side was wanted until it had a connection, or got none in time',
      bounds: SECONDS,
      registers,
    },
    () => Object.entries(waits).map(([outcome, buckets]) => ({ labels: { outcome }, buckets })),
  );
  const connections = new Gauge({
    name: 'banyan_store_connections',
    help: 'Connections to the new store for transactions of the new side, by state',
    labelNames: ['state'],
    registers,
    aggregator: 'sum',
  });
  const waiting = new Gauge({
    name: 'banyan_store_waiting',
    help: 'Transactions of the new side that wait for a connection now',
    registers,
    aggregator: 'sum',
  });
  for (const state of ['busy', 'idle']) connections.set({ state }, 0);
  return (event) => {
    if (event.type === 'store_waited') return waits[event.outcome].observe(event.waitedMs / 1_000);
    if (event.type !== 'store_counted') return;
    connections.set({ state: 'busy' }, event.busy);
    connections.set({ state: 'idle' }, event.idle);
    waiting.set(event.waiting);
  };
}
