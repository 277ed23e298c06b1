import pg from 'pg';
import { parseTenantId, type TenantId, type TenantName } from '../vocabulary/index.ts';
import { ArchiveDamaged, type ArchiveFooter, type ArchiveHeader, Summing } from './archive-format.ts';
import { fitTables, type FittedTable } from './archive-fit.ts';
import { readArchive } from './archive-reader.ts';
import { asOwner, enterTenant, REGISTERED, type Registered, SET_MANNERS } from './archive-session.ts';
import { readArchiveTables, readRowsSql, readTableGroups } from './archive-tables.ts';
import { copyIn, copyOut } from './copy-rows.ts';
import { codeOf, isConnectionLoss, messageOf } from './database-errors.ts';
import { StoreRefusal } from './errors.ts';
import type { ArchiveProgress } from './export-tenant.ts';

export type RestoreWish = Readonly<{
  ownerUrl: string;
  /** An archive, not compressed. */
  source: AsyncIterable<Buffer>;
  /** Under this name, and under another number where the archive's is taken. */
  as?: TenantName | undefined;
  onProgress?: (progress: ArchiveProgress) => void;
}>;

export type Restored = Readonly<{
  tenant: Readonly<{ id: TenantId; name: TenantName }>;
  /** As whom, and when, it was exported. */
  from: Readonly<{ id: TenantId; name: TenantName; exportedAt: string }>;
  rows: number;
  tables: ArchiveFooter['tables'];
}>;

/** Numbers of tenants are legacy's. One that is chosen here must not be that of a tenant whom legacy gets tomorrow. */
const OWN_NUMBERS_FROM = 1_000_000_000;
/** What one statement puts in: large enough that a round trip does not matter, small enough to be held. */
const BATCH_BYTES = 4_194_304;

/**
 * Puts an archive's rows into the store, in one transaction: all of it, verified by count and hash as it came and as it is read back, or
 * nothing. Throws StoreRefusal with a sentence that says what does not fit.
 */
export function restoreTenant(wish: RestoreWish): Promise<Restored> {
  return asOwner(wish.ownerUrl, async (client) => {
    await client.query(`BEGIN; ${SET_MANNERS}`);
    try {
      const restored = await new Restoring(client, wish).run();
      await commit(client, restored.tenant.name);
      return restored;
    } catch (error) {
      throw describe(error);
    }
  });
}

async function commit(client: pg.ClientBase, name: TenantName): Promise<void> {
  await client.query('COMMIT').catch((error: unknown) => {
    throw isConnectionLoss(error)
      ? new StoreRefusal([
          `The connection was lost at the very end: all of ${name} is here, or nothing. Look: banyan tenants list`,
        ])
      : error;
  });
}

class Restoring {
  readonly #client: pg.ClientBase;
  readonly #wish: RestoreWish;
  #header: ArchiveHeader | undefined;
  #tenant: Restored['tenant'] | undefined;
  #tables: readonly FittedTable[] = [];
  #table: FittedTable | undefined;
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #rows = 0;
  #bytes = 0;

  constructor(client: pg.ClientBase, wish: RestoreWish) {
    this.#client = client;
    this.#wish = wish;
  }

  async run(): Promise<Restored> {
    for await (const part of readArchive(this.#wish.source)) {
      if (part.kind === 'header') await this.#begin(part.header);
      if (part.kind === 'table') await this.#open(part.name);
      if (part.kind === 'rows') await this.#take(part.rows);
      if (part.kind === 'footer') return this.#finish(part.footer);
    }
    throw new ArchiveDamaged('The archive has no end.');
  }

  async #begin(header: ArchiveHeader): Promise<void> {
    this.#header = header;
    this.#tables = fitTables(header, await readArchiveTables(this.#client));
    this.#tenant = await register(this.#client, header, this.#wish.as);
    await enterTenant(this.#client, this.#tenant.id);
    // Foreign keys are then planned once, and by the key, whatever a plan made for an empty table may think.
    await this.#client.query('SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off');
    const groups = await readTableGroups(this.#client);
    if (groups.some(({ kind }) => kind === 'circle')) await this.#client.query('SET CONSTRAINTS ALL DEFERRED');
    for (const table of this.#tables) await refuseRows(this.#client, table, this.#tenant);
  }

  async #open(name: string): Promise<void> {
    await this.#flush();
    this.#table = this.#tables.find((table) => table.name === name);
    // COPY cannot put rows behind a fence, so they are put beside it first.
    const { place, columns } = this.#here();
    await this.#client.query(
      `DROP TABLE IF EXISTS pg_temp.banyan_rows; CREATE TEMP TABLE banyan_rows ON COMMIT DROP AS SELECT ${columns.join(', ')} FROM ${place} LIMIT 0`,
    );
  }

  async #take(rows: Buffer): Promise<void> {
    this.#batch.push(rows);
    this.#batchBytes += rows.length;
    if (this.#batchBytes >= BATCH_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#batchBytes === 0) return;
    const { name, place, columns } = this.#here();
    const list = columns.join(', ');
    await copyIn(this.#client, `COPY pg_temp.banyan_rows (${list}) FROM STDIN`, Buffer.concat(this.#batch));
    const { rowCount } = await this.#client.query(
      `INSERT INTO ${place} (tenant_id, ${list}) OVERRIDING SYSTEM VALUE SELECT ${this.#id()}, ${list} FROM pg_temp.banyan_rows`,
    );
    await this.#client.query('TRUNCATE pg_temp.banyan_rows');
    this.#rows += rowCount ?? 0;
    this.#bytes += this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#wish.onProgress?.({ table: name, rows: this.#rows, bytes: this.#bytes });
  }

  async #finish(footer: ArchiveFooter): Promise<Restored> {
    await this.#flush();
    await this.#client.query('SET CONSTRAINTS ALL IMMEDIATE');
    for (const table of this.#tables) await this.#readBack(table, footer);
    await raiseCounters(this.#client, this.#tables, this.#id());
    const { tenant: from, exportedAt } = this.#header as ArchiveHeader;
    const tenant = this.#tenant as Restored['tenant'];
    return {
      tenant,
      from: { id: from.id, name: from.name, exportedAt },
      rows: this.#rows,
      tables: footer.tables,
    };
  }

  async #readBack(table: FittedTable, footer: ArchiveFooter): Promise<void> {
    const summing = new Summing();
    const sql = readRowsSql(table, table.columns, this.#id());
    for await (const rows of copyOut(this.#client, sql)) summing.add(rows);
    const [told, seen] = [footer.tables.find(({ name }) => name === table.name), summing.end(table.name)];
    if (told?.rows !== seen.rows || told.sha256 !== seen.sha256)
      throw new StoreRefusal([
        `What the store holds of ${table.name} is not what the archive says (${seen.rows} rows, expected ${told?.rows}): a column of it writes values otherwise than where they come from.`,
      ]);
  }

  #here(): FittedTable {
    if (this.#table === undefined) throw new ArchiveDamaged('The archive has rows of no table.');
    return this.#table;
  }

  #id(): TenantId {
    return (this.#tenant as Restored['tenant']).id;
  }
}

/** The tenant that the rows will be of, known to nobody else before the end. Its line is locked: nobody hangs rows on it meanwhile. */
async function register(
  client: pg.ClientBase,
  { tenant }: ArchiveHeader,
  as: TenantName | undefined,
): Promise<Restored['tenant']> {
  const name = as ?? tenant.name;
  const known = (await client.query<Registered>(`${REGISTERED} WHERE name = $1 FOR UPDATE`, [name])).rows[0];
  if (known !== undefined) return { id: await useRegistered(client, known), name };
  const id = await chooseNumber(client, tenant, as);
  await client.query('INSERT INTO public.tenant (id, name, created_at) VALUES ($1, $2, $3)', [
    id,
    name,
    tenant.createdAt,
  ]);
  return { id, name };
}

/** One that was registered, and has no rows yet: nobody may be about to write some. */
async function useRegistered(client: pg.ClientBase, { id, name, isLeaving }: Registered): Promise<TenantId> {
  if (isLeaving) throw new StoreRefusal([`${name} is being deleted. Finish it first: banyan tenants delete ${name}`]);
  await enterTenant(client, id);
  const { rows } = await client.query<{ is_followed: boolean; is_moved: boolean }>(
    `SELECT EXISTS (SELECT FROM banyan.followed_tenant WHERE tenant_id = $1) AS is_followed,
       EXISTS (SELECT FROM banyan.tenure t JOIN banyan.move m USING (feature) WHERE t.tenant = $1 AND m.state <> 'retired') AS is_moved`,
    [id],
  );
  if (rows[0]?.is_followed || rows[0]?.is_moved)
    throw new StoreRefusal([
      `${name} follows legacy's rows, or is being moved: rows from an archive would part it from legacy. Restore it under another name: --as NAME`,
    ]);
  return id;
}

async function chooseNumber(
  client: pg.ClientBase,
  { id, name }: ArchiveHeader['tenant'],
  as: TenantName | undefined,
): Promise<TenantId> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtext('banyan tenants'))`);
  const { rows } = await client.query<{ holder: string | null; own: number }>(
    `SELECT (SELECT name FROM public.tenant WHERE id = $1) AS holder,
       (SELECT GREATEST(max(id) + 1, ${OWN_NUMBERS_FROM}) FROM public.tenant) AS own`,
    [id],
  );
  const { holder = null, own } = rows[0] ?? {};
  if (holder === null) return id;
  const free = parseTenantId(own);
  if (as !== undefined && free !== undefined) return free;
  throw new StoreRefusal([
    `${name} has the number ${id}, which is ${holder}'s here. Restore it under a number of its own: --as ${name}`,
  ]);
}

async function refuseRows(
  client: pg.ClientBase,
  { name, place }: FittedTable,
  tenant: Restored['tenant'],
): Promise<void> {
  const { rowCount } = await client.query(`SELECT FROM ${place} WHERE tenant_id = $1 LIMIT 1`, [tenant.id]);
  if (rowCount !== 0)
    throw new StoreRefusal([
      `${tenant.name} is here already, with rows in ${name}. Restore it under another name (--as NAME), or delete it first: banyan tenants delete ${tenant.name}`,
    ]);
}

/** A tenant that followed legacy may have been exported before its counters were brought up to its rows. */
async function raiseCounters(
  client: pg.ClientBase,
  tables: readonly FittedTable[],
  tenant: TenantId,
): Promise<void> {
  for (const { place, counted } of tables) {
    if (counted === undefined) continue;
    await client.query(
      `INSERT INTO banyan.id_counter AS c (tenant_id, table_name, last_id)
       SELECT $1, $2, max(id) FROM ${place} WHERE tenant_id = $1 HAVING max(id) > 0
       ON CONFLICT (tenant_id, table_name) DO UPDATE SET last_id = EXCLUDED.last_id WHERE c.last_id < EXCLUDED.last_id`,
      [tenant, counted],
    );
  }
}

/** What PostgreSQL says of rows that it does not take is about the archive, or about the table. */
function describe(error: unknown): unknown {
  const after = 'Nothing of it was restored.';
  if (error instanceof ArchiveDamaged) return new ArchiveDamaged(`${error.message} ${after}`);
  if (error instanceof StoreRefusal) return error;
  if (isConnectionLoss(error)) return new StoreRefusal([`The connection to the new store was lost. ${after}`]);
  if (!(error instanceof pg.DatabaseError)) return error;
  const { table, constraint, where } = error;
  if (codeOf(error) === '23505' && table === 'tenant')
    return new StoreRefusal(['Somebody has just registered this tenant. Look: banyan tenants list']);
  const place = constraint ?? where?.split('\n')[0] ?? table;
  return new StoreRefusal([`The store does not take the archive: ${messageOf(error)}${place ? ` (${place})` : ''}. ${after}`]);
}
