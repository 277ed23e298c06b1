import type pg from 'pg';
import { type ArrivedTable, beginArrival, endArrival } from './arrival.ts';
import { makePlaces } from './copied-tables.ts';
import {
  beginInside,
  beginToFollow,
  type CopyMoment,
  type CopyRun,
  undo,
  withClient,
  writeCounters,
} from './copy-run.ts';
import { atMoment, expectSchema, type LegacyTenant, readIds } from './legacy-moment.ts';
import { levelTenant } from './level-tenant.ts';
import { copyChunks } from './table-chunks.ts';

export type MomentPorts = Readonly<{
  /** `guarded`: the follower stands still meanwhile, so that it may not take long. Throws MomentUnavailable. */
  openMoment(manner: 'open' | 'guarded'): Promise<CopyMoment>;
  /** Keeps the follower where it is, until as many times released. */
  hold(): Promise<void>;
  release(): Promise<void>;
}>;

/**
 * A tenant chunk by chunk, as legacy was at one moment; goes on where an earlier run was interrupted, after what it brought was levelled
 * to this moment. Whole, the tenant follows from there; where the follower has come further already it is levelled once more, while the
 * follower waits.
 */
export async function copyLargeTenant(run: CopyRun, tenant: LegacyTenant, ports: MomentPorts): Promise<void> {
  const arrived = await withClient(run.owner, (client) => beginArrival(client, tenant));
  const moment = await ports.openMoment('open');
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
    if (!isThere) await catchUp(run, tenant, ports);
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
    // Before the transaction: what is undone would take them away again.
    await makePlaces(client, run.tables);
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
  await expectSchema(run.legacy, tenant);
  const ids = await withClient(run.legacy, (one) => readIds(one, tenant, run));
  await writeCounters(client, tenant.id, ids, run.tables);
  await endArrival(client, tenant.id);
  return true;
}

/**
 * While the follower stands still no change of legacy passes by between the new moment and following. Nothing of the store's is locked before
 * the moment is there: on one server for both it would wait for that, too.
 */
async function catchUp(run: CopyRun, tenant: LegacyTenant, ports: MomentPorts): Promise<void> {
  await ports.hold();
  try {
    const moment = await ports.openMoment('guarded');
    try {
      await inside(run, tenant, (client) => levelAndFinish(run, tenant, client, moment));
    } finally {
      await moment.close();
    }
  } finally {
    await ports.release();
  }
}

async function levelAndFinish(
  run: CopyRun,
  tenant: LegacyTenant,
  client: pg.ClientBase,
  moment: CopyMoment,
): Promise<boolean> {
  const whole = { rows: 0, lastKey: undefined };
  const arrived = new Map(run.tables.map(({ name }) => [name, whole]));
  await atMoment(run.legacy, moment.snapshot, (legacy) =>
    levelTenant(run, { tenant, arrived, legacy, client }),
  );
  if (await finish(run, tenant, client, moment)) return true;
  throw new Error(`The slot "${run.slot}" was followed further than legacy's log goes.`);
}
