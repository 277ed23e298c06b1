// An open house, and how it is closed.
import type { Listener } from './accept/index.ts';
import type { Handle } from './handle/index.ts';
import type { Observe } from './observe/index.ts';
import type { Emit } from './vocabulary/index.ts';

export type House = Readonly<{
  gatewayUrl: string;
  adminUrl: string;
  /** Calls `listener` with every event from now on, but for those of single requests. */
  subscribe(listener: Emit): () => void;
  /** An error that nobody caught: told, before the house closes. */
  confess(error: unknown): void;
  /** Takes nothing new, lets what is in flight end, closes every room; answers how many requests were cut. */
  close(signal: string, graceMs?: number): Promise<number>;
}>;

export type Open = Readonly<{ gateway: Listener; handle: Handle; closers: (() => unknown)[] }>;

export async function closeHouse(
  { emit }: Observe,
  { gateway, handle, closers }: Open,
  signal: string,
  graceMs: number,
): Promise<number> {
  emit({ type: 'stopping', signal, graceMs });
  handle.hangUp();
  const cut = await gateway.drain(graceMs);
  await closeAll(closers);
  emit({ type: 'stopped', inFlight: cut });
  return cut;
}

export async function closeAll(closers: (() => unknown)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export function confess({ emit }: Observe, error: unknown): void {
  emit({
    type: 'bug',
    where: 'process',
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
}
