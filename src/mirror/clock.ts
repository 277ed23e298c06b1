/** Now, in ms since the epoch with fractions; the same in every process of this machine. */
export const nowMs = (): number => performance.timeOrigin + performance.now();
