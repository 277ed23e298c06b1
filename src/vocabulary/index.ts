// The words everyone shares: ids, callers, arrivals, decisions, outcomes, failures, events, and the ports between rooms.
// Types and tiny pure functions only; imports nothing.
export * from './arrival.ts';
export * from './blanked-head.ts';
export * from './caller.ts';
export * from './child-environment.ts';
export * from './decision.ts';
export * from './events.ts';
export * from './exchange.ts';
export * from './failure.ts';
export * from './ids.ts';
export * from './mapping.ts';
export * from './message.ts';
export * from './move-look.ts';
export * from './outcome.ts';
export * from './ports.ts';
export * from './problem.ts';
export * from './rows.ts';
export * from './secret-name.ts';
export * from './shadow.ts';
export * from './tenure.ts';
