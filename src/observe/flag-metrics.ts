import { Gauge, type Registry } from 'prom-client';
import type { BanyanEvent } from '../vocabulary/index.ts';

/** How old the flags are: the seconds since the flag service last answered, or since it was first missed. 0 where the file has them. */
export function createFlagMetrics(registry: Registry): (event: BanyanEvent) => void {
  let heardAt: number | undefined;
  new Gauge({
    name: 'banyan_flags_age_seconds',
    help: 'Since the flag service last answered; 0 where the flags stand in the file',
    registers: [registry],
    // Of several processes, the one that has heard nothing for the longest time counts.
    aggregator: 'max',
    collect() {
      this.set(heardAt === undefined ? 0 : (performance.now() - heardAt) / 1000);
    },
  });
  return (event) => {
    if (event.type === 'flags_heard') heardAt = performance.now();
    if (event.type === 'flags_changed' && event.source === 'unleash') heardAt ??= performance.now();
  };
}
