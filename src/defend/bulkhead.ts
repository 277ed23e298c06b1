/** What is at work under one key. */
export type Compartment = { readonly key: string; busy: number };

/** Counts what is at work under each key, and says no at a key's limit. A key with nothing at work costs nothing. */
export type Bulkhead = Readonly<{
  /** Undefined where there was no place; else it is taken now, until it is left. */
  enter(key: string, most: number): Compartment | undefined;
  leave(compartment: Compartment): void;
}>;

export function createBulkhead(): Bulkhead {
  const compartments = new Map<string, Compartment>();
  return {
    enter(key, most) {
      const known = compartments.get(key);
      if ((known?.busy ?? 0) >= most) return undefined;
      const taken = known ?? { key, busy: 0 };
      if (known === undefined) compartments.set(key, taken);
      taken.busy += 1;
      return taken;
    },
    leave(compartment) {
      compartment.busy -= 1;
      if (compartment.busy <= 0) compartments.delete(compartment.key);
    },
  };
}
