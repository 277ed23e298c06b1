import type pg from 'pg';
import type { TenantId, TenantName } from '../vocabulary/index.ts';
import { asOwner, enterTenant, findRegistered, SET_MANNERS } from './archive-session.ts';
import { type ArchiveTable, readTableGroups, type TableGroup } from './archive-tables.ts';
import { codeOf, isConnectionLoss, messageOf } from './database-errors.ts';
import { StoreRefusal, TenantUnknown } from './errors.ts';
import { shareTenant } from './giant.ts';
import { beginLeaving, type Left } from './leaving.ts';
import { APP_ROLE } from './prepare.ts';
import { FRESH_MS } from './tenants.ts';

export type DeleteWish = Readonly<{
  ownerUrl: string;
  tenant: TenantName;
  /** What becomes of a tenant that follows legacy, or of whom the new side owns a feature. */
  ifFollowed: 'refuse' | 'unfollow';
  onProgress?: (progress: DeleteProgress) => void;
  /** How long gateways may go on knowing a tenant that the registry does not name. */
  forgetMs?: number;
}>;

export type DeleteProgress =
  | Readonly<{ kind: 'waiting'; ms: number }>
  | Readonly<{ kind: 'deleted'; table: string; rows: number }>;

export type Deleted = Readonly<{
  tenant: Readonly<{ id: TenantId; name: TenantName }>;
  rows: number;
  tables: readonly Readonly<{ name: string; rows: number }>[];
  keysRevoked: number;
}>;

const BATCH_ROWS = 2_000;
/** Somebody may still write by an old word: the tables are gone through again. */
const ROUNDS = 3;
const MARGIN_MS = 2_000;
const NOBODY_ELSE = 'banyan tenants delete';

/**
 * Deletes everything of one tenant, in short transactions, so that nobody waits for long. From the first one on the tenant is unknown to
 * every gateway; interrupted, the same call goes on. Throws TenantUnknown and StoreRefusal.
 */
export function deleteTenant(wish: DeleteWish): Promise<Deleted> {
  return asOwner(wish.ownerUrl, async (client) => {
    try {
      return await new Deletion(client, wish).run();
    } catch (error) {
      throw describe(error, wish.tenant);
    }
  });
}

class Deletion {
  readonly #client: pg.ClientBase;
  readonly #wish: DeleteWish;
  readonly #gone = new Map<string, number>();

  constructor(client: pg.ClientBase, wish: DeleteWish) {
    this.#client = client;
    this.#wish = wish;
  }

  async run(): Promise<Deleted> {
    const tenant = await this.#findAlone();
    const { keysRevoked } = await this.#leave(tenant);
    await this.#waitForGateways();
    const groups = await readTableGroups(this.#client);
    for (let round = 1; ; round += 1) {
      for (const group of groups.toReversed()) await this.#empty(tenant.id, group);
      if (round === 1) await this.#giveUpPartitions(tenant);
      const isGone = await endTenant(this.#client, tenant, groups);
      if (isGone) return this.#describe(tenant, keysRevoked);
      if (round === ROUNDS)
        throw new StoreRefusal([`Somebody goes on writing rows of ${tenant.name}. Stop them, then run this again.`]);
    }
  }

  async #findAlone(): Promise<Deleted['tenant']> {
    const found = await findRegistered(this.#client, this.#wish.tenant);
    if (found === undefined) throw new TenantUnknown(this.#wish.tenant);
    const { rows } = await this.#client.query<{ is_mine: boolean }>(
      'SELECT pg_try_advisory_lock(hashtext($1), $2) AS is_mine',
      [NOBODY_ELSE, found.id],
    );
    if (!rows[0]?.is_mine) throw new StoreRefusal([`${found.name} is being deleted by another process at the moment.`]);
    return { id: found.id, name: found.name };
  }

  #leave(tenant: Deleted['tenant']): Promise<Left> {
    return this.#inside(tenant.id, () => beginLeaving(this.#client, tenant, this.#wish.ifFollowed));
  }

  /** Until then they would show what is left of the tenant. */
  async #waitForGateways(): Promise<void> {
    const { forgetMs = FRESH_MS + MARGIN_MS, onProgress } = this.#wish;
    const { rowCount } = await this.#client.query(
      'SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = $1',
      [APP_ROLE],
    );
    if (rowCount === 0) return;
    onProgress?.({ kind: 'waiting', ms: forgetMs });
    await new Promise((resolve) => setTimeout(resolve, forgetMs));
  }

  /** Rows that refer to one another go together; all others in batches. */
  async #empty(tenant: TenantId, { kind, tables }: TableGroup): Promise<void> {
    if (kind === 'one') for (const table of tables) await this.#emptyTable(tenant, table);
    else
      await this.#inside(tenant, async () => {
        await this.#client.query('SET CONSTRAINTS ALL DEFERRED');
        for (const { name, place } of tables) {
          const { rowCount } = await this.#client.query(`DELETE FROM ${place} WHERE tenant_id = $1`, [tenant]);
          this.#count(name, rowCount);
        }
      });
  }

  async #emptyTable(tenant: TenantId, table: ArchiveTable): Promise<void> {
    let from: readonly string[] | undefined;
    do {
      from = await this.#inside(tenant, () => this.#deleteBatch(tenant, table, from));
    } while (from !== undefined);
  }

  /** Those after `from`, so that what was deleted before is not looked at again. Answers the last one's key where there may be more. */
  async #deleteBatch(
    tenant: TenantId,
    { name, place, keys }: ArchiveTable,
    from: readonly string[] | undefined,
  ): Promise<readonly string[] | undefined> {
    const after = compareKeys(keys, '>', from);
    const bound = keys.length === 0 ? undefined : await this.#findBound(tenant, place, keys, after);
    const upTo = compareKeys(keys, '<=', bound);
    const { rowCount } = await this.#client.query(
      `DELETE FROM ${place} WHERE tenant_id = ${Number(tenant)}${after}${upTo}`,
    );
    this.#count(name, rowCount);
    return bound;
  }

  async #findBound(
    tenant: TenantId,
    place: string,
    keys: readonly string[],
    after: string,
  ): Promise<readonly string[] | undefined> {
    const { rows } = await this.#client.query<{ key: string[] }>(
      `SELECT ARRAY[${keys.map((key) => `quote_literal(${key})`).join(', ')}] AS key FROM ${place}
       WHERE tenant_id = ${Number(tenant)}${after} ORDER BY ${keys.join(', ')} OFFSET ${BATCH_ROWS - 1} LIMIT 1`,
    );
    return rows[0]?.key;
  }

  /** A giant's partitions are empty now, and would be the next one's who gets the number. */
  async #giveUpPartitions({ id, name }: Deleted['tenant']): Promise<void> {
    const { rowCount } = await this.#client.query(
      `SELECT FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE '%\\_t' || $1`,
      [String(id)],
    );
    if (rowCount !== 0) await shareTenant(this.#wish.ownerUrl, name);
  }

  #inside<T>(tenant: TenantId, work: () => Promise<T>): Promise<T> {
    return inside(this.#client, tenant, work);
  }

  #count(name: string, rowCount: number | null): void {
    if (!rowCount) return;
    const rows = (this.#gone.get(name) ?? 0) + rowCount;
    this.#gone.set(name, rows);
    this.#wish.onProgress?.({ kind: 'deleted', table: name, rows });
  }

  #describe(tenant: Deleted['tenant'], keysRevoked: number): Deleted {
    const tables = [...this.#gone].map(([name, rows]) => ({ name, rows }));
    return { tenant, rows: tables.reduce((sum, { rows }) => sum + rows, 0), tables, keysRevoked };
  }
}

/** `values` are literals. */
function compareKeys(keys: readonly string[], sign: '>' | '<=', values: readonly string[] | undefined): string {
  return values === undefined ? '' : ` AND (${keys.join(', ')}) ${sign} (${values.join(', ')})`;
}

/** Takes the tenant out of the registry, and what the gateway's own tables say of it. Answers false where rows have come again. */
async function endTenant(
  client: pg.ClientBase,
  { id, name }: Deleted['tenant'],
  groups: readonly TableGroup[],
): Promise<boolean> {
  try {
    await inside(client, id, async () => {
      for (const sql of ['banyan.tenure', 'banyan.outbox_tenant', 'banyan.leaving_tenant'])
        await client.query(`DELETE FROM ${sql} WHERE tenant = $1`, [id]);
      await client.query('DELETE FROM banyan.ended_session WHERE tenant = $1', [name]);
      await client.query(
        `WITH gone AS (DELETE FROM banyan.shadow_sample WHERE tenant = $1 RETURNING day, id)
         DELETE FROM banyan.shadow_place p USING gone g WHERE p.day = g.day AND p.sample_id = g.id`,
        [name],
      );
      await client.query('DELETE FROM public.tenant WHERE id = $1', [id]);
      for (const { tables } of groups) for (const { place } of tables) await expectNone(client, place, id);
    });
    return true;
  } catch (error) {
    if (error instanceof RowsLeft || codeOf(error) === '23503') return false;
    throw error;
  }
}

class RowsLeft extends Error {}

async function expectNone(client: pg.ClientBase, place: string, tenant: TenantId): Promise<void> {
  const { rowCount } = await client.query(`SELECT FROM ${place} WHERE tenant_id = $1 LIMIT 1`, [tenant]);
  if (rowCount !== 0) throw new RowsLeft(place);
}

async function inside<T>(client: pg.ClientBase, tenant: TenantId, work: () => Promise<T>): Promise<T> {
  // Foreign keys are planned once. What somebody holds for long is no reason to keep others waiting behind this one.
  await client.query(
    `BEGIN; ${SET_MANNERS}; SET LOCAL lock_timeout = '5s'; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off`,
  );
  try {
    await enterTenant(client, tenant);
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function describe(error: unknown, tenant: TenantName): unknown {
  const again = `Run this again: it goes on where it was (banyan tenants delete ${tenant}).`;
  if (isConnectionLoss(error)) return new StoreRefusal([`The connection to the new store was lost. ${again}`]);
  if (codeOf(error) === '55P03')
    return new StoreRefusal([`Somebody held rows or tables of ${tenant} for longer than five seconds. ${again}`]);
  if (/^(40001|40P01|57014)$/.test(codeOf(error)))
    return new StoreRefusal([`The deletion was interrupted: ${messageOf(error)}. ${again}`]);
  return error;
}
