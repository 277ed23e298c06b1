import type pg from 'pg';
import { type ArrivedTable, beginArrival, endArrival } from './arrival.ts';
import {
  beginInside,
  beginToFollow,
  type CopyMoment,
  type CopyRun,
  undo,
  withClient,
  writeCounters,
} from './copy-run.ts';
import { atMoment, type LegacyTenant, readIds } from './legacy-moment.ts';
import { levelTenant } from './level-tenant.ts';
import { copyChunks } from './table-chunks.ts';

/** `guarded`: the follower stands still meanwhile, so that it may not take long. */
export type OpenMoment = (manner: 'open' | 'guarded') => Promise<CopyMoment>;

/**
 * A tenant chunk by chunk, as legacy was at one moment; goes on where an earlier run was interrupted, after what it brought was levelled
 * to this moment. Whole, the tenant follows from there; where the follower has come further already it is levelled once more, while the
 * follower waits.
 */
export async function copyLargeTenant(
  run: CopyRun,
  tenant: LegacyTenant,
  openMoment: OpenMoment,
): Promise<void> {
  const arrived = await withClient(run.owner, (client) => beginArrival(client, tenant));
  const moment = await openMoment('open');
  try {
    await atMoment(run.legacy, moment.snapshot, async (legacy) => {
      if (arrived.size > 0) await levelArrived(run, tenant, legacy, arrived);
      for (const table of run.tables) {
        const before = arrived.get(table.name);
        if (before === undefined || before.lastKey !== undefined)
          await copyChunks(run, legacy, { tenant, table, arrived: before });
      }
    });
    const isThere = await inside(run, tenant, (client) => finish(run, tenant, client, moment));
    if (!isThere) await inside(run, tenant, (client) => catchUp(run, tenant, client, openMoment));
  } finally {
    await moment.close();
  }
}

/** One transaction inside the tenant's fence; undone where `work` answers false. */
function inside(
  run: CopyRun,
  { id }: LegacyTenant,
  work: (client: pg.ClientBase) => Promise<boolean>,
): Promise<boolean> {
  return withClient(run.owner, async (client) => {
    try {
      await client.query(beginInside(id));
      const isDone = await work(client);
      await client.query(isDone ? 'COMMIT' : 'ROLLBACK');
      return isDone;
    } catch (error) {
      await undo(client);
      throw error;
    }
  });
}

async function levelArrived(
  run: CopyRun,
  tenant: LegacyTenant,
  legacy: pg.ClientBase,
  arrived: ReadonlyMap<string, ArrivedTable>,
): Promise<void> {
  await inside(run, tenant, async (client) => {
    await levelTenant(run, { tenant, arrived, legacy, client });
    return true;
  });
  for (const { rows } of arrived.values()) run.onRows(rows, 0);
}

/** False: the follower has passed the moment. */
async function finish(
  run: CopyRun,
  tenant: LegacyTenant,
  client: pg.ClientBase,
  { from }: CopyMoment,
): Promise<boolean> {
  if (!(await beginToFollow(client, tenant.id, run.slot, from))) return false;
  const ids = await withClient(run.legacy, (one) => readIds(one, tenant, run));
  await writeCounters(client, tenant.id, ids, run.tables);
  await endArrival(client, tenant.id);
  return true;
}

/** With the follower's line locked no change of legacy passes by between the new moment and following. */
async function catchUp(
  run: CopyRun,
  tenant: LegacyTenant,
  client: pg.ClientBase,
  openMoment: OpenMoment,
): Promise<boolean> {
  await client.query('SELECT FROM banyan.follow_position WHERE slot = $1 FOR SHARE', [run.slot]);
  const moment = await openMoment('guarded');
  try {
    const whole = { rows: 0, lastKey: undefined };
    const arrived = new Map(run.tables.map(({ name }) => [name, whole]));
    await atMoment(run.legacy, moment.snapshot, (legacy) =>
      levelTenant(run, { tenant, arrived, legacy, client }),
    );
    if (await finish(run, tenant, client, moment)) return true;
    throw new Error(
      `Legacy's log has gone back before the place that the slot "${run.slot}" was followed to.`,
    );
  } finally {
    await moment.close();
  }
}
