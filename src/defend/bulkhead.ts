/** What is at work under one key. */
export type Compartment = { readonly key: string; busy: number };

/** Counts what is at work under each key, and says no at a key's limit. Keys with nothing at work are forgotten before there are many. */
export type Bulkhead = Readonly<{
  /** Undefined where there was no place; else it is taken now, until it is left. */
  enter(key: string, most: number): Compartment | undefined;
  leave(compartment: Compartment): void;
}>;

/** To forget each of them at once, and to know it anew with the next request, is 0.3 µs a request. */
const MOST_RESTING = 4_096;

export function createBulkhead(): Bulkhead {
  const compartments = new Map<string, Compartment>();
  let resting = 0;
  const forgetResting = () => {
    for (const { key, busy } of compartments.values()) if (busy === 0) compartments.delete(key);
    resting = 0;
  };
  return {
    enter(key, most) {
      const known = compartments.get(key);
      if ((known?.busy ?? 0) >= most) return undefined;
      const taken = known ?? { key, busy: 0 };
      if (known === undefined) compartments.set(key, taken);
      else if (known.busy === 0) resting -= 1;
      taken.busy += 1;
      return taken;
    },
    leave(compartment) {
      compartment.busy -= 1;
      if (compartment.busy > 0) return;
      resting += 1;
      if (resting > MOST_RESTING) forgetResting();
    },
  };
}
