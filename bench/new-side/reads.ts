// What the desk is asked to read, and what it answers.

/** `page`: the 20 newest messages of a channel. */
export type Read = 'row' | 'page';
/** `pg`: BEGIN with the tenant setting, the statement, COMMIT; three round trips. `plain`: Prisma as its documentation has it. */
export type Way = 'pg' | 'store' | 'plain';

export type Case = Readonly<{ read: Read; callers: number }>;

/** One at a time, as in a test; and eight at once, as under load. */
export const CASES: readonly Case[] = [
  { read: 'row', callers: 1 },
  { read: 'row', callers: 8 },
  { read: 'page', callers: 1 },
  { read: 'page', callers: 8 },
];
export const WAYS: readonly Way[] = ['pg', 'store', 'plain'];

export type ReadAsk = Readonly<{ kind: 'open'; url: string }> | Readonly<{ kind: 'round'; reads: number }>;
/** µs of processor for each read, by `nameRead`. */
export type ReadAnswer = ReadonlyMap<string, number>;

export const nameRead = ({ read, callers }: Case, way: Way) => `${read} ${callers} ${way}`;
