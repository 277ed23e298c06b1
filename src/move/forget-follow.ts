import { setTimeout as wait } from 'node:timers/promises';
import { openLegacyPool, readSlot } from './legacy-slot.ts';
import type { PrepareWish } from './prepare-follow.ts';
import { describeTrouble, FollowTrouble } from './trouble.ts';

const GONE_MS = 5_000;

/**
 * Drops the slot: legacy need not keep its log any longer. The tenants' rows stay as they are. Waits a moment for a follower that is just
 * leaving; throws FollowTrouble where one stays.
 */
export async function forgetFollow({
  legacyUrl,
  slot,
}: Pick<PrepareWish, 'legacyUrl' | 'slot'>): Promise<void> {
  const legacy = openLegacyPool(legacyUrl);
  const untilMs = performance.now() + GONE_MS;
  try {
    while ((await readSlot(legacy, slot))?.isActive && performance.now() < untilMs) await wait(50);
    await legacy.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
  } catch (error) {
    throw error instanceof FollowTrouble ? error : new FollowTrouble(describeTrouble(error, slot));
  } finally {
    await legacy.end();
  }
}
