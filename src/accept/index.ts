// A connection becomes a visit: by the plain door where nobody can read a request in two ways, else by Node's server; its limits, the
// refusal of what is no HTTP, draining, and answers in the gateway's own words. What happens to a visit between its beginning and its end is the corridor's affair.
export { runWithinDeadline } from './deadline.ts';
export type { Intake } from './entrance.ts';
export { type Listener, openListener, type Reception } from './listener.ts';
export { type PortWish, takePort } from './port.ts';
export { type Learned, Visit, type Watched, type Way } from './visit.ts';
