import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { ProofReading, type ProofStore, type ProvenTable } from '../../store/index.ts';
import type { Mapping, Side, TenantId } from '../../vocabulary/index.ts';
import { type ColumnApart, matchTables } from './matched-tables.ts';
import { lookAtTable, MOST_TOLD, type Moments, type RowFinding, type TableLook } from './table-look.ts';
import { nameLegacyTrouble } from './trouble.ts';

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
}>;

/** `rows`: how many were compared, on the side that has more of them. `apart`: columns that could not be, or are of another type. */
export type Proof = Readonly<{ rows: number; apart: readonly ColumnApart[] }> &
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
  for (const pauseMs of wish.settle ? PAUSES_MS : []) {
    if (countDifferences(last.looks) === 0) break;
    await wait(pauseMs, undefined, { signal: wish.signal });
    last = await look(wish, last);
  }
  const rows = first.looks.reduce((sum, one) => sum + one.rows, 0);
  const count = countDifferences(last.looks);
  const findings = Object.freeze(last.looks.flatMap((one) => one.findings).slice(0, MOST_TOLD));
  const { apart } = first;
  return Object.freeze(
    count === 0 ? { kind: 'equal', rows, apart } : { kind: 'different', rows, apart, findings, count },
  );
}

type Look = Readonly<{
  tables: readonly ProvenTable[];
  apart: readonly ColumnApart[];
  looks: readonly TableLook[];
}>;

const countDifferences = (looks: readonly TableLook[]): number =>
  looks.reduce((sum, one) => sum + one.count, 0);

async function look(wish: VerifyWish, before?: Look): Promise<Look> {
  const ending = new AbortController();
  const moments = await openMoments({ ...wish, signal: AbortSignal.any([wish.signal, ending.signal]) });
  try {
    const { tables, apart } = before ?? (await readTables(wish, moments));
    const looks: TableLook[] = [];
    for (const [nr, table] of tables.entries())
      looks.push(await lookAtTable(moments, table, before?.looks[nr]?.suspects));
    return { tables, apart, looks };
  } catch (error) {
    // What the other side has begun is of no use any more.
    ending.abort();
    throw error;
  } finally {
    await Promise.all([moments.legacy.close(), moments.fresh.close()]);
  }
}

async function readTables({ tables }: VerifyWish, { legacy, fresh }: Moments) {
  const [one, other] = await Promise.all([legacy.columns(tables), fresh.columns(tables)]);
  return matchTables(tables, one, other);
}

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
