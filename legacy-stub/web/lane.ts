/** How many views may run at once: a Python process runs its views' code one at a time, whatever it was started with. */
export interface Lane {
  /** Waits its turn, first come first served, and runs `work` in the lane. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function openLane(width: number): Lane {
  const waiting: (() => void)[] = [];
  let free = width;
  const enter = () => {
    if (free > 0) {
      free -= 1;
      return Promise.resolve();
    }
    return new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = () => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  return {
    async run(work) {
      await enter();
      return work().finally(leave);
    },
  };
}
