import { StoreUnavailable } from '../store/index.ts';
import { PUBLICATION } from './pgoutput.ts';

/** Legacy's database does not let us follow; the message is a sentence with its remedy. */
export class FollowTrouble extends Error {
  override readonly name = 'FollowTrouble';
  /** Another instance follows already: that is no fault. */
  readonly isTaken: boolean;
  constructor(message: string, more: Readonly<{ isTaken: boolean }> = { isTaken: false }) {
    super(message);
    this.isTaken = more.isTaken;
  }
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
  return `Legacy's log cannot be read at the moment${code ? ` (${code})` : ''}.`;
}

export const takenBy = (slot: string): string =>
  `Another instance follows by the slot "${slot}"; this one looks on.`;

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}
