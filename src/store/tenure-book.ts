import pg from 'pg';
import {
  type Epoch,
  type InstanceRecord,
  type MoveRecord,
  type MoveState,
  type Place,
  parseFeatureName,
  parsePosition,
  parseTenantId,
  type Side,
  type TenureBook,
  type TenureNews,
  type TenureRecord,
  type TenureStep,
} from '../vocabulary/index.ts';
import { ask } from './ask.ts';

type MoveRow = Readonly<{
  feature: string;
  tables: string[];
  state: string;
  epoch: number;
  started_at: string;
  wave_tenants: number | null;
  at_once: number | null;
  stop_after: number | null;
  paused_why: string | null;
}>;
type TenureRow = Readonly<{
  tenant: number;
  feature: string;
  owner: string;
  step: string;
  epoch: number;
  since: string | null;
  changed_at: string;
}>;

// One statement, so that all of it is of one moment.
const NEWS = `SELECT epoch::int8::text AS epoch,
    (SELECT COALESCE(json_agg(m ORDER BY m.feature), '[]') FROM banyan.move m) AS moves,
    (SELECT COALESCE(json_agg(t ORDER BY t.tenant, t.feature), '[]') FROM banyan.tenure t WHERE t.epoch > $1) AS changed
  FROM banyan.epoch`;
// Whoever has not been heard of for a day does not come back by its old name.
const FORGOTTEN = `DELETE FROM banyan.instance WHERE lease_until < clock_timestamp() - interval '1 day'`;
const AGAIN_MS = 1_000;

/** Who owns what, for the processes that answer requests. */
export function openTenureBook(url: string, pool: pg.Pool): TenureBook {
  return {
    async attend({ id, name, epoch, heard = epoch, busy = [], leaseMs }) {
      const [row] = await ask<{ is_new: boolean }>(
        pool,
        `INSERT INTO banyan.instance (id, name, lease_until, epoch, heard, busy) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 ms', $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET lease_until = EXCLUDED.lease_until, seen_at = clock_timestamp(), epoch = EXCLUDED.epoch,
           heard = EXCLUDED.heard, busy = EXCLUDED.busy
         RETURNING started_at = seen_at AS is_new`,
        [id, name, leaseMs, epoch, heard, busy.map(printPlace)],
      );
      if (row?.is_new) await ask(pool, FORGOTTEN);
    },
    leave: async (id) => void (await ask(pool, 'DELETE FROM banyan.instance WHERE id = $1', [id])),
    news: async (known) => readNews(pool, known),
    listen: (onNews) => listen(url, onNews),
    instances: () => readInstances(pool),
  };
}

export async function readNews(pool: pg.Pool, known: Epoch): Promise<TenureNews> {
  const [row] = await ask<{ epoch: string; moves: MoveRow[]; changed: TenureRow[] }>(pool, NEWS, [known]);
  return {
    epoch: Number(row?.epoch ?? 0),
    moves: (row?.moves ?? []).flatMap(readMove),
    changed: (row?.changed ?? []).flatMap(readTenure),
  };
}

function readMove(row: MoveRow): readonly MoveRecord[] {
  const { tables, state, epoch, started_at, wave_tenants, at_once, stop_after, paused_why } = row;
  const feature = parseFeatureName(row.feature);
  if (feature === undefined) return [];
  const limits = {
    wave: wave_tenants ?? undefined,
    atOnce: at_once ?? undefined,
    stopAfter: stop_after ?? undefined,
  };
  return [
    {
      feature,
      tables,
      state: state as MoveState,
      limits,
      pausedWhy: paused_why ?? undefined,
      epoch,
      startedAt: new Date(started_at),
    },
  ];
}

function readTenure(row: TenureRow): readonly TenureRecord[] {
  const [tenant, feature] = [parseTenantId(row.tenant), parseFeatureName(row.feature)];
  if (tenant === undefined || feature === undefined) return [];
  const { owner, step, epoch, since, changed_at } = row;
  return [
    {
      tenant,
      feature,
      owner: owner as Side,
      step: step as TenureStep,
      epoch,
      since: parsePosition(since ?? ''),
      changedAt: new Date(changed_at),
    },
  ];
}

/** As `banyan.instance` has it. */
export const printPlace = ({ tenant, feature }: Place): string => `${Number(tenant)} ${feature}`;

function readPlace(text: string): readonly Place[] {
  const [number, name] = text.split(' ');
  const [tenant, feature] = [parseTenantId(Number(number)), parseFeatureName(name ?? '')];
  return tenant === undefined || feature === undefined ? [] : [{ tenant, feature }];
}

async function readInstances(pool: pg.Pool): Promise<readonly InstanceRecord[]> {
  const rows = await ask<{
    id: string;
    name: string;
    started_at: Date;
    seen_at: Date;
    epoch: string;
    heard: string;
    busy: string[];
    is_live: boolean;
  }>(
    pool,
    `SELECT id, name, started_at, seen_at, epoch::text, GREATEST(heard, epoch)::text AS heard, busy, lease_until > clock_timestamp() AS is_live FROM banyan.instance ORDER BY name, id`,
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    startedAt: row.started_at,
    seenAt: row.seen_at,
    epoch: Number(row.epoch),
    heard: Number(row.heard),
    busy: row.busy.flatMap(readPlace),
    isLive: row.is_live,
  }));
}

/** A connection of its own, made anew when it is lost. */
function listen(url: string, onNews: () => void): Readonly<{ close(): Promise<void> }> {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const open = async () => {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: 'banyan listen',
      keepAlive: true,
    });
    client = fresh;
    fresh.on('error', () => undefined);
    fresh.once('end', again);
    fresh.on('notification', onNews);
    await fresh.connect();
    await fresh.query('LISTEN banyan_tenure');
    onNews();
  };
  const again = () => {
    if (isClosed || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      begin();
    }, AGAIN_MS).unref();
  };
  const begin = () => void open().catch(() => client?.end().then(again, again));
  begin();
  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
