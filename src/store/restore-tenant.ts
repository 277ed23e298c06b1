import pg from 'pg';
import type { TenantId, TenantName } from '../vocabulary/index.ts';
import { type FittedTable, fitTables } from './archive-fit.ts';
import { ArchiveDamaged, type ArchiveFooter, type ArchiveHeader, Summing } from './archive-format.ts';
import { readArchive } from './archive-reader.ts';
import { asOwner, enterTenant, SET_MANNERS } from './archive-session.ts';
import { readArchiveTables, readRowsSql, readTableGroups } from './archive-tables.ts';
import { copyIn, copyOut } from './copy-rows.ts';
import { codeOf, isConnectionLoss, messageOf } from './database-errors.ts';
import { StoreRefusal } from './errors.ts';
import type { ArchiveProgress } from './export-tenant.ts';
import { type RestoredTenant, raiseCounters, refuseRows, registerTenant } from './restored-tenant.ts';

export type RestoreWish = Readonly<{
  ownerUrl: string;
  /** An archive, not compressed. */
  source: AsyncIterable<Buffer>;
  /** Under this name, and under another number where the archive's is taken. */
  as?: TenantName | undefined;
  onProgress?: (progress: ArchiveProgress) => void;
}>;

export type Restored = Readonly<{
  tenant: RestoredTenant;
  /** As whom, and when, it was exported. */
  from: Readonly<{ id: TenantId; name: TenantName; exportedAt: string }>;
  rows: number;
  tables: ArchiveFooter['tables'];
}>;

/** What one statement puts in: large enough that a round trip does not matter, small enough to be held. */
const BATCH_BYTES = 1_048_576;

/**
 * Puts an archive's rows into the store, in one transaction: all of it, verified by count and hash as it came and as it is read back, or
 * nothing. Throws StoreRefusal with a sentence that says what does not fit.
 */
export function restoreTenant(wish: RestoreWish): Promise<Restored> {
  return asOwner(wish.ownerUrl, async (client) => {
    await client.query(`BEGIN; ${SET_MANNERS}`);
    const source = new Watched(wish.source);
    try {
      const restored = await new Restoring(client, { ...wish, source }).run();
      await commit(client, restored.tenant.name);
      return restored;
    } catch (error) {
      throw error === source.error ? error : describe(error);
    }
  });
}

/** A file that cannot be read is no trouble of the database, however alike their errors look. */
class Watched implements AsyncIterable<Buffer> {
  readonly #source: AsyncIterable<Buffer>;
  error: unknown;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* this.#source;
    } catch (error) {
      this.error = error;
      throw error;
    }
  }
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
  #tenant: RestoredTenant | undefined;
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
    this.#tenant = await registerTenant(this.#client, header, this.#wish.as);
    await enterTenant(this.#client, this.#tenant.id);
    // Foreign keys are then planned once, and by the key, whatever a plan made for an empty table may think.
    await this.#client.query(
      'SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off',
    );
    const groups = await readTableGroups(this.#client);
    if (groups.some(({ kind }) => kind === 'circle'))
      await this.#client.query('SET CONSTRAINTS ALL DEFERRED');
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
    await copyIn(this.#client, `COPY pg_temp.banyan_rows (${list}) FROM STDIN`, this.#batch).catch(
      blame(name),
    );
    const { rowCount } = await this.#client
      .query(
        `INSERT INTO ${place} (tenant_id, ${list}) OVERRIDING SYSTEM VALUE SELECT ${this.#id()}, ${list} FROM pg_temp.banyan_rows`,
      )
      .catch(blame(name));
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
    const tenant = this.#tenant as RestoredTenant;
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
    return (this.#tenant as RestoredTenant).id;
  }
}

const NOTHING = 'Nothing of it was restored.';

/** What PostgreSQL says of rows that it does not take: these are the archive's fault. */
const blame =
  (table: string) =>
  (error: unknown): never => {
    if (!/^2[23]/.test(codeOf(error))) throw error;
    const column =
      error instanceof pg.DatabaseError ? /column (\w+)/.exec(error.where ?? '')?.[1] : undefined;
    const place = column === undefined ? table : `${table}, column ${column}`;
    throw new StoreRefusal([
      `The store does not take the rows of ${place}: ${messageOf(error)}. The archive is damaged, or does not suit this store. ${NOTHING}`,
    ]);
  };

function describe(error: unknown): unknown {
  if (error instanceof ArchiveDamaged) return new ArchiveDamaged(`${error.message} ${NOTHING}`);
  if (error instanceof StoreRefusal) return error;
  if (isConnectionLoss(error))
    return new StoreRefusal([`The connection to the new store was lost. ${NOTHING}`]);
  if (codeOf(error) === '23505')
    return new StoreRefusal(['Somebody has just registered this tenant. Look: banyan tenants list']);
  return error instanceof pg.DatabaseError ? new StoreRefusal([`${messageOf(error)}. ${NOTHING}`]) : error;
}
