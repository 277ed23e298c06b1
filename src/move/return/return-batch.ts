import pg from 'pg';
import type { BatchBounds, Carried, OutboxBatch, OutboxLine, OutboxStore } from '../../store/index.ts';
import { EQUAL_NAMES, type Mapping, type TenantId, type TenantName } from '../../vocabulary/index.ts';
import { RETURNED_PREFIX } from '../pgoutput.ts';
import { readLegacyTables } from './legacy-tables.ts';
import { groupLines, type LineGroup, type ReturnManner } from './return-groups.ts';
import { isCounted, writeLines } from './return-statements.ts';
import { findMisfit, Misfit } from './return-trouble.ts';

export type BatchWish = Readonly<{
  tenant: TenantId;
  manner: ReturnManner;
  bounds: BatchBounds;
  /** Whether to wait where another carrier is at this tenant's rows. */
  patience: 'wait' | 'pass';
}>;

/** `more`: the bounds were reached. `taken`: another carrier is there. */
export type BatchEnd = 'done' | 'more' | 'taken';

type Whose = Readonly<{ schema: string; name: TenantName }>;

const SENT_CHARACTERS = 1_000_000;

/** Carries one tenant's rows, one batch at a time: each is one transaction of legacy, together with the ids of what it had. */
export class ReturnBatch {
  readonly #legacy: pg.Pool;
  readonly #outbox: OutboxStore;
  readonly #mapping: () => Mapping;
  /** Who has a line in banyan.returned. */
  readonly #listed = new Set<TenantId>();
  /** The batch that was taken out of the outbox last, here. */
  readonly #removed = new Map<TenantId, string>();
  readonly #names = new Map<TenantId, TenantName>();

  constructor(legacy: pg.Pool, outbox: OutboxStore, mapping: () => Mapping = () => EQUAL_NAMES) {
    this.#mapping = mapping;
    this.#legacy = legacy;
    this.#outbox = outbox;
  }

  nameOf(tenant: TenantId): TenantName | undefined {
    return this.#names.get(tenant);
  }

  /** Throws Misfit, with whether all that waits was in the batch, or what legacy or the store said. */
  async carry(wish: BatchWish): Promise<BatchEnd> {
    const client = await this.#legacy.connect();
    let broken: Error | undefined;
    try {
      await this.#list(client, wish.tenant);
      return await this.#carryOn(client, wish);
    } catch (error) {
      await client.query('ROLLBACK').catch((reason: Error) => {
        broken = reason;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async #carryOn(client: pg.PoolClient, wish: BatchWish): Promise<BatchEnd> {
    const { tenant, bounds, manner } = wish;
    const begun = await begin(client, wish);
    if (begun.whose) this.#names.set(tenant, begun.whose.name);
    if (begun.carried === undefined) {
      await client.query('ROLLBACK');
      // Taken, or gone: a legacy that was put back from a copy may have lost it.
      this.#listed.delete(tenant);
      return 'taken';
    }
    const known = this.#removed.get(tenant) === sign(begun.carried) ? NOTHING : begun.carried;
    const batch = await this.#outbox.read(tenant, known, bounds);
    const by = { whose: begun.whose, mapping: this.#mapping() };
    if (batch.lines.length > 0) await write(client, tenant, by, batch, manner);
    else await client.query('ROLLBACK');
    await this.#outbox.remove(tenant, batch);
    const last = batch.lines.length > 0 ? carriedBy(batch.lines) : begun.carried;
    this.#removed.set(tenant, sign(last));
    return batch.isComplete ? 'done' : 'more';
  }

  /** By a transaction of its own: the line that says how far a tenant is must be there before it can be locked. */
  async #list(client: pg.PoolClient, tenant: TenantId): Promise<void> {
    if (this.#listed.has(tenant)) return;
    await client.query(
      `BEGIN; ${tell(tenant, [])};
       INSERT INTO banyan.returned (tenant_id) VALUES (${Number(tenant)}) ON CONFLICT (tenant_id) DO NOTHING; COMMIT`,
    );
    this.#listed.add(tenant);
  }
}

const NOTHING: Carried = { ids: [], lastAt: '-infinity' };

/** The follower leaves these tables' changes out of what it reads of this transaction. */
const tell = (tenant: TenantId, tables: readonly string[]) =>
  `SELECT pg_logical_emit_message(true, '${RETURNED_PREFIX}', ${pg.escapeLiteral(JSON.stringify({ tenant, tables }))})`;

/** Alone with a tenant's rows from here on: whoever carried them before has committed, and has said what. */
async function begin(
  client: pg.PoolClient,
  { tenant, patience }: BatchWish,
): Promise<Readonly<{ whose: Whose | undefined; carried: Carried | undefined }>> {
  const answers = (await client.query(
    `BEGIN; SET CONSTRAINTS ALL DEFERRED;
     SELECT schema_name AS schema, name FROM public.tenants_tenant WHERE id = ${Number(tenant)};
     SELECT ids::text[] AS ids, last_at::text AS "lastAt" FROM banyan.returned WHERE tenant_id = ${Number(tenant)}
     FOR NO KEY UPDATE ${patience === 'pass' ? 'SKIP LOCKED' : ''}`,
  )) as unknown as readonly pg.QueryResult[];
  const row = answers[3]?.rows[0] as { ids: string[]; lastAt: string } | undefined;
  return {
    whose: answers[2]?.rows[0] as Whose | undefined,
    carried: row && { ids: row.ids.map(BigInt), lastAt: row.lastAt },
  };
}

async function write(
  client: pg.PoolClient,
  tenant: TenantId,
  { whose, mapping }: Readonly<{ whose: Whose | undefined; mapping: Mapping }>,
  { lines, isComplete }: OutboxBatch,
  manner: ReturnManner,
): Promise<void> {
  let table: string | undefined;
  try {
    if (whose === undefined) throw new Misfit(undefined, { kind: 'no_schema' });
    const tables = [...new Set(lines.map((line) => line.table))];
    await client.query(`SELECT set_config('search_path', 'pg_catalog', true); ${tell(tenant, tables)}`);
    const known = await readLegacyTables(client, whose.schema, tables, mapping);
    const groups = groupLines(lines, known, manner);
    // Triggers of legacy may rely on it.
    await client.query(`SELECT set_config('search_path', $1, true)`, [
      `${pg.escapeIdentifier(whose.schema)}, public`,
    ]);
    for (const some of gather(groups, manner)) {
      table = manner === 'one_by_one' ? some[0]?.table.name : undefined;
      await send(client, some, manner);
    }
    table = undefined;
    await client.query(end(tenant, lines));
  } catch (error) {
    const misfit = findMisfit(error, table);
    if (misfit) misfit.isComplete = isComplete;
    throw misfit ?? error;
  }
}

/** What makes one round trip; line by line it is of one table, which then is known to be the one that does not fit. */
function gather(groups: readonly LineGroup[], manner: ReturnManner): readonly (readonly LineGroup[])[] {
  const gathered: LineGroup[][] = [];
  let room = 0;
  for (const group of groups) {
    const isOther = manner === 'one_by_one' && gathered.at(-1)?.[0]?.table !== group.table;
    if (room <= 0 || isOther) {
      gathered.push([]);
      room = SENT_CHARACTERS;
    }
    gathered.at(-1)?.push(group);
    room -= group.lines.reduce((sum, { key, image = '' }) => sum + key.length + image.length, 0);
  }
  return gathered;
}

async function send(
  client: pg.PoolClient,
  groups: readonly LineGroup[],
  manner: ReturnManner,
): Promise<void> {
  const answers: unknown = await client.query(groups.map((group) => writeLines(group, manner)).join(';\n'));
  if (manner === 'one_by_one') return;
  const results = Array.isArray(answers) ? (answers as pg.QueryResult[]) : [answers as pg.QueryResult];
  const short = groups.find(
    (group, nr) => isCounted(group) && (results[nr]?.rowCount ?? 0) < group.lines.length,
  );
  // Whatever came after it is on legacy already: once more, and each in its turn.
  if (short) throw new Misfit(short.table.name, { kind: 'no_row' });
}

function end(tenant: TenantId, lines: readonly OutboxLine[]): string {
  const { ids, lastAt } = carriedBy(lines);
  return `SET CONSTRAINTS ALL IMMEDIATE;
    UPDATE banyan.returned SET outbox_id = GREATEST(outbox_id, ${ids.at(-1)}), ids = '{${ids.join(',')}}', last_at = ${pg.escapeLiteral(lastAt)}
    WHERE tenant_id = ${Number(tenant)}; COMMIT`;
}

/** `lastAt`: of all of them, the latest; their order is that of ids. */
function carriedBy(lines: readonly OutboxLine[]): Carried {
  const ids = lines.map(({ id }) => id);
  return { ids, lastAt: lines.map(({ at }) => at).reduce((latest, at) => (at > latest ? at : latest), '') };
}

const sign = ({ ids }: Carried) => `${ids.length} ${ids[0]} ${ids.at(-1)}`;
