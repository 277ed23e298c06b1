// One part's bad day stays its own. Event-loop lag sheds new work; a tenant and a feature on one side have so many places, so that a
// flood or a hang takes nobody else's; a side that keeps failing rests (cockatiel); retries have a budget. Holds counts, never requests;
// waits for nothing, and keeps nothing over a restart.
export type { BreakerSettings } from './breaker.ts';
export { type Defend, type DefendOptions, openDefend } from './defend.ts';
export type { Request, Stay } from './guard.ts';
export type { Bid } from './places.ts';
