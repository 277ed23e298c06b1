/** Now, in ms since the epoch: the machine's own clock, because the gateway and its rehearsal process must agree on it. */
export const nowMs = (): number => Date.now();
