import pg from 'pg';
import { type CopiedOut, copyAllIn, copyAllOut } from '../copy-rows.ts';
import { type CopiedTable, emptyPlaces, fillBeside, makePlaces, moveInside } from './copied-tables.ts';
import {
  beginInside,
  beginToFollow,
  type CopyMoment,
  type CopyRun,
  undo,
  withClient,
  writeCounters,
} from './copy-run.ts';
import { atMoment, expectSchema, type LegacyTenant, readIds, selectRowsOf } from './legacy-moment.ts';

/** A tenant is held in memory up to this size, as text. */
const MOST_BYTES = 16_777_216;

/** `passed`: the follower has come further than the moment. `large`: more than is held in memory. Nothing was written then. */
export type SmallEnd = Readonly<{ kind: 'done'; rows: number }> | Readonly<{ kind: 'passed' | 'large' }>;

type Taken = Readonly<{ copied: readonly CopiedOut[]; ids: string }>;

class TooLarge extends Error {}

/** All of a tenant in one transaction: two messages for legacy, and three for the store. */
export async function copySmallTenant(
  run: CopyRun,
  tenant: LegacyTenant,
  moment: CopyMoment,
): Promise<SmallEnd> {
  const taken = await takeAll(run, tenant, moment).catch((error: unknown) => {
    if (error instanceof TooLarge) return undefined;
    throw error;
  });
  if (taken === undefined) return { kind: 'large' };
  await expectSchema(run.legacy, tenant);
  const rows = taken.copied.reduce((sum, one) => sum + one.rows, 0);
  run.pace.note(rows);
  const isHere = await withClient(run.owner, (client) => write(client, run, tenant, moment, taken));
  return isHere ? { kind: 'done', rows } : { kind: 'passed' };
}

function takeAll(run: CopyRun, tenant: LegacyTenant, { snapshot }: CopyMoment): Promise<Taken> {
  return atMoment(run.legacy, snapshot, async (client) => {
    const ids = await readIds(client, tenant, run);
    const sqls = run.tables.map((table) => `COPY (${selectRowsOf(tenant, table, run.mapping)}) TO STDOUT`);
    const copied = await copyAllOut(client, sqls, MOST_BYTES);
    if (copied === undefined) throw new TooLarge();
    return { copied, ids };
  });
}

/** So many rows of other tenants may lie beside the tables: to skip them costs less than to take them away each time. */
const MOST_BESIDE = 5_000;
const beside = new WeakMap<pg.ClientBase, number>();

function tidyPlaces(
  client: pg.ClientBase,
  tables: readonly CopiedTable[],
  copied: readonly CopiedOut[],
): readonly string[] {
  const before = beside.get(client) ?? 0;
  const rows = copied.reduce((sum, one) => sum + one.rows, 0);
  const isFull = before > MOST_BESIDE;
  beside.set(client, isFull ? rows : before + rows);
  return isFull ? [emptyPlaces(tables)] : [];
}

async function write(
  client: pg.ClientBase,
  { tables, slot }: CopyRun,
  { id, name }: LegacyTenant,
  { from }: CopyMoment,
  { copied, ids }: Taken,
): Promise<boolean> {
  await makePlaces(client, tables);
  const filled = tables.map((table, nr) => ({ table, one: copied[nr] })).filter(({ one }) => one?.rows);
  const statements = [
    beginInside(id),
    ...tidyPlaces(client, tables, copied),
    `INSERT INTO public.tenant (id, name) VALUES (${Number(id)}, ${pg.escapeLiteral(name)})`,
    ...filled.flatMap(({ table }) => [fillBeside(table), moveInside(table, id)]),
  ];
  try {
    await copyAllIn(
      client,
      statements.join('; '),
      filled.map(({ one }) => one?.pieces ?? []),
    );
    await writeCounters(client, id, ids, tables);
    const isFollowed = await beginToFollow(client, id, slot, from);
    await client.query(isFollowed ? 'COMMIT' : 'ROLLBACK');
    return isFollowed;
  } catch (error) {
    await undo(client);
    throw error;
  }
}
