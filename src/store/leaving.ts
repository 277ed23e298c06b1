import type pg from 'pg';
import type { TenantId, TenantName } from '../vocabulary/index.ts';
import { StoreRefusal } from './errors.ts';
import { slotLock } from './follow-connection.ts';

export type Left = Readonly<{ keysRevoked: number }>;

/** What ties a tenant to legacy. */
export type Ties = Readonly<{
  /** The slot that it follows. */
  slot: string | undefined;
  /** Features of which the new side is the owner, while they are moved. */
  ownedByNew: readonly string[];
  /** A hand-over, or an order to the mover, is not over. */
  underWay: readonly string[];
  /** Writes of the new side that legacy does not have yet. */
  notCarried: number;
}>;

/** Inside the tenant's fence. */
export async function readTies(client: pg.ClientBase, tenant: TenantId): Promise<Ties> {
  const { rows } = await client.query<{
    slot: string | null;
    owned: string[];
    under_way: string[];
    not_carried: number;
  }>(
    `SELECT (SELECT slot FROM banyan.followed_tenant WHERE tenant_id = $1) AS slot,
       ARRAY(SELECT feature FROM banyan.tenure t JOIN banyan.move m USING (feature)
         WHERE t.tenant = $1 AND t.owner = 'new' AND m.state <> 'retired' ORDER BY feature) AS owned,
       ARRAY(SELECT feature FROM banyan.tenure WHERE tenant = $1 AND step <> 'settled'
         UNION SELECT feature FROM banyan.move_order WHERE tenant = $1 AND state IN ('waiting', 'running') ORDER BY 1) AS under_way,
       (SELECT count(*)::int FROM banyan.outbox WHERE tenant_id = $1) AS not_carried`,
    [tenant],
  );
  const [row] = rows;
  return {
    slot: row?.slot ?? undefined,
    ownedByNew: row?.owned ?? [],
    underWay: row?.under_way ?? [],
    notCarried: row?.not_carried ?? 0,
  };
}

/**
 * From the end of this transaction on the tenant is unknown to gateways, legacy owns whatever it had, nobody follows it and its keys are
 * revoked. In the tenant's fence. Throws StoreRefusal.
 */
export async function beginLeaving(
  client: pg.ClientBase,
  { id, name }: Readonly<{ id: TenantId; name: TenantName }>,
  ifFollowed: 'refuse' | 'unfollow',
): Promise<Left> {
  const { slot } = await readTies(client, id);
  // The follower's transaction ends first, and its next one finds that the tenant does not follow.
  if (slot !== undefined) await client.query(`SELECT pg_advisory_xact_lock(${slotLock(slot)})`);
  // As whoever changes the owner does: it waits for the new side's writers.
  await client.query(
    `SELECT pg_advisory_xact_lock($1, hashtext('banyan tenure ' || feature)) FROM (SELECT feature FROM banyan.tenure WHERE tenant = $1 ORDER BY feature) f`,
    [id],
  );
  refuseTies(name, await readTies(client, id), ifFollowed);
  await client.query('INSERT INTO banyan.leaving_tenant (tenant) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
  await client.query('DELETE FROM banyan.followed_tenant WHERE tenant_id = $1', [id]);
  await client.query('DELETE FROM banyan.arriving_tenant WHERE tenant = $1', [id]);
  await client.query(
    `UPDATE banyan.tenure SET owner = 'legacy', epoch = banyan.next_epoch() WHERE tenant = $1 AND owner = 'new'`,
    [id],
  );
  const { rowCount } = await client.query(
    'UPDATE banyan.api_key SET revoked_at = clock_timestamp() WHERE tenant = $1 AND revoked_at IS NULL',
    [name],
  );
  return { keysRevoked: rowCount ?? 0 };
}

function refuseTies(
  tenant: TenantName,
  { slot, ownedByNew, underWay, notCarried }: Ties,
  ifFollowed: 'refuse' | 'unfollow',
): void {
  if (underWay.length > 0)
    throw new StoreRefusal([
      `${tenant} is being moved at this moment (${underWay.join(', ')}). Wait until that is over: banyan move status`,
    ]);
  if (ifFollowed === 'unfollow') return;
  const findings = [
    ...(ownedByNew.length > 0
      ? [
          `The new side owns ${ownedByNew.join(', ')} of ${tenant}, and legacy is kept in step${notCarried > 0 ? ` (${notCarried} writes are not there yet)` : ''}. Hand it back first, or leave legacy as it is: --unfollow`,
        ]
      : []),
    ...(slot !== undefined
      ? [
          `${tenant} follows legacy by the slot ${slot}. To end that and delete the copy that the store has: --unfollow`,
        ]
      : []),
  ];
  if (findings.length > 0) throw new StoreRefusal(findings);
}
