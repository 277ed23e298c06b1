import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { ProofReading, type ProofStore, type ProvenTable } from '../../store/index.ts';
import type { Mapping, Side, TenantId } from '../../vocabulary/index.ts';
import { isComparable, lookAtChanges, noteSince, type Since } from './change-look.ts';
import { type ColumnApart, matchTables } from './matched-tables.ts';
import { lookAtTable, MOST_TOLD, type Moments, type RowFinding, type TableLook } from './table-look.ts';
import { nameLegacyTrouble, VerifyTrouble } from './trouble.ts';

export type VerifyWish = Readonly<{
  /** Legacy's database, as a role that may read; one connection of it is taken. */
  legacy: pg.Pool;
  schema: string;
  /** Names of legacy's; without it those of the new side. */
  mapping?: Mapping | undefined;
  proof: ProofStore;
  tenant: TenantId;
  tables: readonly string[];
  signal: AbortSignal;
  /** The side that writes; default legacy. */
  owner?: Side;
  /**
   * Given while writes go on: resolves once everything that the owner had committed when it was called is on the other side. What differs
   * is then looked at again, and only what differs every time is told. Without it nobody writes, and the first look counts.
   */
  settle?: (signal: AbortSignal) => Promise<void>;
  /** How long to wait before each further look, in ms; default six times, 3.1 s in all. */
  pausesMs?: readonly number[] | undefined;
  /** Of an earlier proof that found all rows equal, where nobody writes now: only what has changed since is compared. */
  since?: Since | undefined;
}>;

/**
 * `rows`: how many there are, on the side that has more of them. `apart`: columns that could not be compared, or are of another type.
 * `since`: what a later proof may begin from.
 */
export type Proof = Readonly<{ rows: number; apart: readonly ColumnApart[]; since?: Since }> &
  (
    | Readonly<{ kind: 'equal' }>
    | Readonly<{
        kind: 'different';
        /** The first ones, at most 20. */
        findings: readonly RowFinding[];
        count: number;
      }>
  );

/** Six more looks in 3.1 s. A row that is written all the time is hardly in between in each of them. */
const PAUSES_MS = [50, 100, 200, 400, 800, 1_600] as const;

/**
 * Proves that a tenant's tables hold the same rows on both sides: both databases print each row by the same rules and hash it, and the
 * hashes are compared. No value leaves a database. Throws VerifyTrouble, StoreUnavailable, what `settle` throws, and the signal's reason.
 */
export async function verifyTenant(wish: VerifyWish): Promise<Proof> {
  const first = await look(wish);
  let last = first;
  for (const pauseMs of wish.settle ? (wish.pausesMs ?? PAUSES_MS) : []) {
    if (countDifferences(last.looks) === 0) break;
    await wait(pauseMs, undefined, { signal: wish.signal });
    last = await look(wish, last);
  }
  const rows = first.looks.reduce((sum, one) => sum + one.rows, 0);
  const count = countDifferences(last.looks);
  const findings = Object.freeze(last.looks.flatMap((one) => one.findings).slice(0, MOST_TOLD));
  const { apart, since } = first;
  const seen = { rows, apart, ...(wish.settle && { since }) };
  return Object.freeze(
    count === 0 ? { kind: 'equal', ...seen } : { kind: 'different', ...seen, findings, count },
  );
}

type Look = Readonly<{
  tables: readonly ProvenTable[];
  apart: readonly ColumnApart[];
  since: Since;
  looks: readonly TableLook[];
}>;

const countDifferences = (looks: readonly TableLook[]): number =>
  looks.reduce((sum, one) => sum + one.count, 0);

async function look(wish: VerifyWish, before?: Look): Promise<Look> {
  const ending = new AbortController();
  const moments = await openMoments({ ...wish, signal: AbortSignal.any([wish.signal, ending.signal]) });
  try {
    const { tables, apart, since } = before ?? (await readTables(wish, moments));
    const looks: TableLook[] = [];
    for (const [nr, table] of tables.entries())
      looks.push(
        wish.since && isComparable(wish.since, since)
          ? await lookAtLittle(wish, wish.since, moments, table)
          : await lookAtTable(moments, table, before?.looks[nr]?.suspects),
      );
    return { tables, apart, since, looks };
  } catch (error) {
    // What the other side has begun is of no use any more.
    ending.abort();
    throw error;
  } finally {
    await Promise.all([moments.legacy.close(), moments.fresh.close()]);
  }
}

async function readTables({ tables }: VerifyWish, moments: Moments) {
  const [one, other] = await Promise.all([moments.legacy.columns(tables), moments.fresh.columns(tables)]);
  return { ...matchTables(tables, one, other), since: noteSince(moments, one, other) };
}

/** Rows that are gone on one side are named by a look at the whole table; where there is no time for it, by their number. */
async function lookAtLittle(
  { signal }: VerifyWish,
  since: Since,
  moments: Moments,
  table: ProvenTable,
): Promise<TableLook> {
  const seen = await lookAtChanges(moments, table, since);
  if (seen.kind === 'looked') return seen.look;
  return lookAtTable(moments, table).catch((error: unknown) => {
    throw seen.kind === 'unlike' && signal.aborted ? describeUnlike(table, seen.rows, error) : error;
  });
}

const describeUnlike = (
  { name }: ProvenTable,
  { legacy, fresh }: Readonly<{ legacy: number; fresh: number }>,
  cause: unknown,
): VerifyTrouble =>
  new VerifyTrouble(
    `The rows of ${name} are not the same ones: legacy has ${legacy}, the new side ${fresh}. Which ones says: banyan move verify.`,
    { cause },
  );

/** The owner's moment comes first: then all that it shows is on the other side, and only what was written in between can differ. */
async function openMoments(wish: VerifyWish): Promise<Moments> {
  const { owner = 'legacy', settle, signal } = wish;
  const leader = await openSide(wish, owner);
  try {
    await settle?.(signal);
    const other = await openSide(wish, owner === 'legacy' ? 'new' : 'legacy');
    return owner === 'legacy' ? { legacy: leader, fresh: other } : { legacy: other, fresh: leader };
  } catch (error) {
    await leader.close();
    throw error;
  }
}

function openSide(
  { legacy, schema, mapping, proof, tenant, signal }: VerifyWish,
  side: Side,
): Promise<ProofReading> {
  const place = { schema, mapping };
  return side === 'new'
    ? proof.read(tenant, signal)
    : ProofReading.open({ pool: legacy, place, signal, nameTrouble: nameLegacyTrouble });
}
