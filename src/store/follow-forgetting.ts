import pg from 'pg';
import { type Position, printPosition, type TenantId } from '../vocabulary/index.ts';
import { ask } from './ask.ts';
import type { FollowConnection } from './follow-connection.ts';

const AT_ONCE = 10_000;

/** Drops the journal's old changes, tenant by tenant: only inside a tenant's fence can they be seen. */
export class Forgetting {
  readonly #connection: FollowConnection;
  readonly #control: pg.Pool;
  /** Who has changes in the journal, and where the newest of them stands. */
  readonly #newest = new Map<TenantId, Position>();
  #hasLooked = false;

  constructor(connection: FollowConnection, control: pg.Pool) {
    this.#connection = connection;
    this.#control = control;
  }

  note(tenant: TenantId, position: Position): void {
    this.#newest.set(tenant, position);
  }

  /** First it is said that they may be gone, then they go: nobody believes in a journal that has lost its beginning. */
  async forget(slot: string, upTo: Position): Promise<void> {
    const position = printPosition(upTo);
    await this.#connection.run(
      `UPDATE banyan.follow_position SET forgotten_to = '${position}' WHERE slot = ${pg.escapeLiteral(slot)} AND forgotten_to < '${position}'`,
    );
    if (!this.#hasLooked) await this.#lookAtEveryone(upTo);
    for (const [tenant, newest] of this.#newest) {
      await this.#forgetOne(tenant, position);
      if (newest <= upTo) this.#newest.delete(tenant);
    }
  }

  // What an earlier process has left may be anybody's, and is older than this one's beginning.
  async #lookAtEveryone(upTo: Position): Promise<void> {
    const rows = await ask<{ id: TenantId }>(this.#control, 'SELECT id FROM public.tenant');
    for (const { id } of rows) if (!this.#newest.has(id)) this.#newest.set(id, upTo);
    this.#hasLooked = true;
  }

  async #forgetOne(tenant: TenantId, position: string): Promise<void> {
    const sql = `DELETE FROM banyan.row_change WHERE tenant_id = $1 AND id IN (
      SELECT id FROM banyan.row_change WHERE tenant_id = $1 AND position <= $2::text::pg_lsn LIMIT ${AT_ONCE})`;
    let gone: number;
    do {
      gone = await this.#connection.inside(tenant, async () => {
        const { rowCount } = await this.#connection.query(sql, [tenant, position]);
        return rowCount ?? 0;
      });
    } while (gone === AT_ONCE);
  }
}
