import type pg from 'pg';
import type { TenantId, TenantName } from '../vocabulary/index.ts';
import { asOwner, findRegistered } from './archive-session.ts';
import { readTableGroups, type TableGroup } from './archive-tables.ts';
import { codeOf, isConnectionLoss, messageOf } from './database-errors.ts';
import { StoreRefusal, TenantUnknown } from './errors.ts';
import { shareTenant } from './giant.ts';
import { beginLeaving, type Left } from './leaving.ts';
import { APP_ROLE } from './prepare.ts';
import { emptyTable, endTenant, inShort } from './short-deletions.ts';
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
        throw new StoreRefusal([
          `Somebody goes on writing rows of ${tenant.name}. Stop them, then run this again.`,
        ]);
    }
  }

  async #findAlone(): Promise<Deleted['tenant']> {
    const found = await findRegistered(this.#client, this.#wish.tenant);
    if (found === undefined) throw new TenantUnknown(this.#wish.tenant);
    const { rows } = await this.#client.query<{ is_mine: boolean }>(
      'SELECT pg_try_advisory_lock(hashtext($1), $2) AS is_mine',
      [NOBODY_ELSE, found.id],
    );
    if (!rows[0]?.is_mine)
      throw new StoreRefusal([`${found.name} is being deleted by another process at the moment.`]);
    return { id: found.id, name: found.name };
  }

  #leave(tenant: Deleted['tenant']): Promise<Left> {
    return inShort(this.#client, tenant.id, () => beginLeaving(this.#client, tenant, this.#wish.ifFollowed));
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
    if (kind === 'one')
      for (const table of tables) await emptyTable(this.#client, tenant, table, this.#count);
    else
      await inShort(this.#client, tenant, async () => {
        await this.#client.query('SET CONSTRAINTS ALL DEFERRED');
        for (const { name, place } of tables) {
          const { rowCount } = await this.#client.query(`DELETE FROM ${place} WHERE tenant_id = $1`, [
            tenant,
          ]);
          this.#count(name, rowCount);
        }
      });
  }

  /** A giant's partitions are empty now, and would be the next one's who gets the number. */
  async #giveUpPartitions({ id, name }: Deleted['tenant']): Promise<void> {
    const { rowCount } = await this.#client.query(
      `SELECT FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE '%\\_t' || $1`,
      [String(id)],
    );
    if (rowCount !== 0) await shareTenant(this.#wish.ownerUrl, name);
  }

  readonly #count = (name: string, rowCount: number | null): void => {
    if (!rowCount) return;
    const rows = (this.#gone.get(name) ?? 0) + rowCount;
    this.#gone.set(name, rows);
    this.#wish.onProgress?.({ kind: 'deleted', table: name, rows });
  };

  #describe(tenant: Deleted['tenant'], keysRevoked: number): Deleted {
    const tables = [...this.#gone].map(([name, rows]) => ({ name, rows }));
    return { tenant, rows: tables.reduce((sum, { rows }) => sum + rows, 0), tables, keysRevoked };
  }
}

function describe(error: unknown, tenant: TenantName): unknown {
  const again = `Run this again: it goes on where it was (banyan tenants delete ${tenant}).`;
  if (isConnectionLoss(error))
    return new StoreRefusal([`The connection to the new store was lost. ${again}`]);
  if (codeOf(error) === '55P03')
    return new StoreRefusal([
      `Somebody held rows or tables of ${tenant} for longer than five seconds. ${again}`,
    ]);
  if (/^(40001|40P01|57014)$/.test(codeOf(error)))
    return new StoreRefusal([`The deletion was interrupted: ${messageOf(error)}. ${again}`]);
  return error;
}
