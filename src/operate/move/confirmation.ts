import { setTimeout as wait } from 'node:timers/promises';
import type { Epoch } from '../../vocabulary/index.ts';
import type { MoveRooms } from './ports.ts';

// Longer than the lease of an instance: whoever has not confirmed by then has writes under way, or cannot read the store.
const PATIENCE_MS = 10_000;
const LOOK_MS = 50;

/** Waits until every live instance acts on an epoch; answers the names of those that still do not. */
export async function awaitConfirmation(
  { tenures, patienceMs = PATIENCE_MS }: Pick<MoveRooms, 'tenures' | 'patienceMs'>,
  epoch: Epoch,
): Promise<readonly string[]> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const late = (await tenures.instances()).filter((one) => one.isLive && one.heard < epoch);
    if (late.length === 0 || performance.now() > untilMs) return late.map(({ name }) => name);
    await wait(LOOK_MS);
  }
}

export function describeLate(late: readonly string[]): readonly string[] {
  return late.length === 0
    ? []
    : [
        `Not confirmed yet by ${late.join(', ')}: they have writes under way, or cannot read the store (GET /api/instances).`,
      ];
}
