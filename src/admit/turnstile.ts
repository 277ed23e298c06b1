/** Does `work` unless so many of this key are at it already: whoever comes beyond is told so at once, and waits for nothing. */
export type Turnstile = <Value>(key: string, work: () => Promise<Value>) => Promise<Value | 'full'>;

export function openTurnstile(most: number): Turnstile {
  const inside = new Map<string, number>();
  return async (key, work) => {
    const count = inside.get(key) ?? 0;
    if (count >= most) return 'full';
    inside.set(key, count + 1);
    try {
      return await work();
    } finally {
      const left = (inside.get(key) ?? 1) - 1;
      if (left > 0) inside.set(key, left);
      else inside.delete(key);
    }
  };
}
