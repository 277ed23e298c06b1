/** Counts what is at work under each key, and says no at a key's limit. A key with nothing at work costs nothing. */
export type Bulkhead = Readonly<{
  /** True if there was a place, which is taken now. */
  enter(key: string, most: number): boolean;
  leave(key: string): void;
  atWork(key: string): number;
}>;

export function createBulkhead(): Bulkhead {
  const busy = new Map<string, number>();
  return {
    enter(key, most) {
      const count = busy.get(key) ?? 0;
      if (count >= most) return false;
      busy.set(key, count + 1);
      return true;
    },
    leave(key) {
      const count = (busy.get(key) ?? 0) - 1;
      if (count > 0) busy.set(key, count);
      else busy.delete(key);
    },
    atWork: (key) => busy.get(key) ?? 0,
  };
}
