import { type Emit, type Failure, fail } from '../vocabulary/index.ts';

/**
 * A port that throws is a store that cannot be reached: not the caller's fault. Anything but the store's own word for that is told as a
 * bug, by its name only, since the message of a database error may quote what was asked.
 */
export function tellTrouble(error: unknown, where: string, emit: Emit): Failure {
  const name = error instanceof Error ? error.name : typeof error;
  if (name !== 'StoreUnavailable') emit({ type: 'bug', where, error: name });
  return fail('store_unavailable', { retryAfterS: 1 });
}
