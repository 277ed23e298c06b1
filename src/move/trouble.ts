import { RowConflict, StoreUnavailable } from '../store/index.ts';
import { PUBLICATION } from './pgoutput.ts';

/** Why following does not go on; the message is a sentence with its remedy. */
export class FollowTrouble extends Error {
  override readonly name = 'FollowTrouble';
  /** `taken`: another instance follows, which is no fault. `passing`: PostgreSQL asks for a repetition, or somebody was in the way. */
  readonly kind: 'fault' | 'taken' | 'passing';
  constructor(message: string, kind: FollowTrouble['kind'] = 'fault') {
    super(message);
    this.kind = kind;
  }
}

/** What the store said to a change, where that was no misfit of rows. */
export function asStoreTrouble(error: unknown): Error {
  if (error instanceof FollowTrouble || error instanceof RowConflict || error instanceof StoreUnavailable)
    return error;
  const code = codeOf(error);
  if (/^(40001|40P01|55P03)$/.test(code)) return new FollowTrouble('Somebody held the same rows.', 'passing');
  // A bug of ours keeps its stack.
  if (code === '' && error instanceof Error) return error;
  return new FollowTrouble(`A change of legacy could not be stored (${code}).`);
}

/** What a broken stream or a refused question means, in a sentence; never with an address or a password. */
export function describeTrouble(error: unknown, slot: string): string {
  if (error instanceof FollowTrouble) return error.message;
  if (error instanceof StoreUnavailable) return 'The new store cannot be reached at the moment.';
  const code = codeOf(error);
  if (code === '55006') return takenBy(slot);
  if (code === '42501')
    return 'The role of LEGACY_DATABASE_URL may not replicate. An administrator runs: ALTER ROLE … REPLICATION';
  if (code === '42704')
    return `Legacy's database lacks the publication "${PUBLICATION}", or it is younger than the slot "${slot}". Drop the slot and run "banyan follow" anew (docs/following.md).`;
  if (code === '42P01')
    return "Legacy's database has no table public.tenants_tenant, by which schemas are told apart.";
  return `Legacy's log cannot be read at the moment (${code || nameOf(error)}).`;
}

export const takenBy = (slot: string): string =>
  `Another instance follows by the slot "${slot}"; this one looks on.`;

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

// The kind of a bug, not its message: that may quote a row.
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
