import { missingRow } from './refusal.ts';

const LARGEST_INT4 = 2_147_483_647;

/** An id as the path carries it. What cannot be an id names no row. */
export function readPathId(text: string | undefined): number {
  const id = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  if (id > LARGEST_INT4) throw missingRow();
  return id;
}
