import { Prisma } from './generated/client.ts';
import type { CountedTable } from './transaction.ts';
import type { TurnClient } from './turn-client.ts';

type Ask = Pick<TurnClient, '$queryRaw'>;

/**
 * Gives out ids in a rehearsal, from memory: the counter's row stays free for those who write in earnest. What is undone gives its ids
 * back, as the counter would.
 */
export class RehearsedIds {
  readonly #client: Ask;
  readonly #tenant: number;
  #next: ReadonlyMap<string, number>;

  constructor(client: Ask, tenant: number, nextIds: Readonly<Record<string, number>>) {
    this.#client = client;
    this.#tenant = tenant;
    this.#next = new Map(Object.entries(nextIds));
  }

  async take(table: CountedTable, position: string | undefined): Promise<number> {
    const known = this.#next.get(table) ?? (await this.#findNext(table, position));
    // Another may have taken one while this one asked.
    const id = this.#next.get(table) ?? known;
    this.#next = new Map(this.#next).set(table, id + 1);
    return id;
  }

  mark(): ReadonlyMap<string, number> {
    return this.#next;
  }

  backTo(mark: ReadonlyMap<string, number>): void {
    this.#next = mark;
  }

  /** After everything that was there in this state: before what legacy has put in since, or where the counter stands. */
  async #findNext(table: CountedTable, position: string | undefined): Promise<number> {
    const later =
      position === undefined
        ? Prisma.sql`NULL::int`
        : Prisma.sql`(SELECT min((key ->> 'id')::int) FROM banyan.row_change
            WHERE tenant_id = ${this.#tenant} AND position > ${position}::text::pg_lsn AND table_name = ${table} AND change = 'insert')`;
    const rows = await this.#client.$queryRaw<{ next: number }[]>`
      SELECT COALESCE(${later}, (SELECT last_id + 1 FROM banyan.id_counter
        WHERE tenant_id = ${this.#tenant} AND table_name = ${table}), 1) AS next`;
    return rows[0]?.next ?? 1;
  }
}
