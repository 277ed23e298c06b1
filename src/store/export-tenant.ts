import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { TenantName } from '../vocabulary/index.ts';
import {
  type ArchiveFooter,
  type ArchiveHeader,
  printFooter,
  printHeader,
  printTableLine,
  Summing,
  TABLE_END,
  type TableSum,
} from './archive-format.ts';
import {
  enterTenant,
  findRegistered,
  openOwner,
  readMigrationNames,
  SET_MANNERS,
} from './archive-session.ts';
import { type ArchiveTable, readArchiveTables, readRowsSql } from './archive-tables.ts';
import { copyOut } from './copy-rows.ts';
import { isConnectionLoss } from './database-errors.ts';
import { StoreRefusal, TenantUnknown } from './errors.ts';

/** How far an export or a restoring has come. */
export type ArchiveProgress = Readonly<{ table: string; rows: number; bytes: number }>;

/** What an archive says of itself. */
export type Archived = Readonly<{ header: ArchiveHeader; footer: ArchiveFooter }>;

export type ExportWish = Readonly<{
  ownerUrl: string;
  tenant: TenantName;
  /** After each piece; `rows` and `bytes` are of everything until now. */
  onProgress?: (progress: ArchiveProgress) => void;
  /** Once, before the last piece. */
  onEnd?: (written: Archived) => void;
}>;

/**
 * An archive of one tenant's rows, as they were at one moment, piece by piece; the server waits while none is taken. Throws TenantUnknown
 * and StoreRefusal.
 */
export async function* exportTenant(wish: ExportWish): AsyncGenerator<Buffer, void, undefined> {
  const { client, close } = await openOwner(wish.ownerUrl);
  try {
    await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${SET_MANNERS}`);
    const tenant = await findWhole(client, wish.tenant);
    await enterTenant(client, tenant.id);
    const tables = await readArchiveTables(client);
    yield* new Export(client, tables, wish).pieces({
      tenant,
      exportedAt: new Date().toISOString(),
      migrations: await readMigrationNames(client),
      tables: tables.map(({ name, columns }) => ({ name, columns: columns.map(nameColumn) })),
    });
    await client.query('COMMIT');
  } catch (error) {
    throw isConnectionLoss(error)
      ? new StoreRefusal(['The connection to the new store was lost. The export is not whole.'])
      : error;
  } finally {
    await close();
  }
}

async function findWhole(client: pg.ClientBase, name: TenantName): Promise<ArchiveHeader['tenant']> {
  const found = await findRegistered(client, name);
  if (found === undefined) throw new TenantUnknown(name);
  if (found.isArriving)
    throw new StoreRefusal([
      `${name} is being copied from legacy, and half of it is missing. Finish it: banyan follow`,
    ]);
  if (!found.isLeaving) return found;
  throw new StoreRefusal([
    `${name} is being deleted, and half of it may be gone. Finish it: banyan tenants delete ${name}`,
  ]);
}

const nameColumn = ({ name, type }: ArchiveTable['columns'][number]) => ({ name, type });

class Export {
  readonly #client: pg.ClientBase;
  readonly #tables: readonly ArchiveTable[];
  readonly #wish: ExportWish;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #rows = 0;

  constructor(client: pg.ClientBase, tables: readonly ArchiveTable[], wish: ExportWish) {
    this.#client = client;
    this.#tables = tables;
    this.#wish = wish;
  }

  async *pieces(header: ArchiveHeader): AsyncGenerator<Buffer, void, undefined> {
    yield this.#pass(printHeader(header));
    const sums: TableSum[] = [];
    for (const table of this.#tables) sums.push(yield* this.#rowsOf(table, header));
    const footer: ArchiveFooter = { tables: sums, sha256: this.#hash.digest('hex') };
    this.#wish.onEnd?.({ header, footer });
    yield printFooter(footer);
  }

  async *#rowsOf(
    table: ArchiveTable,
    { tenant }: ArchiveHeader,
  ): AsyncGenerator<Buffer, TableSum, undefined> {
    yield this.#pass(printTableLine(table.name));
    const summing = new Summing();
    const columns = table.columns.map(({ place }) => place);
    for await (const rows of copyOut(this.#client, readRowsSql(table, columns, tenant.id))) {
      summing.add(rows);
      yield this.#pass(rows);
      this.#wish.onProgress?.({ table: table.name, rows: this.#rows + summing.rows, bytes: this.#bytes });
    }
    this.#rows += summing.rows;
    yield this.#pass(TABLE_END);
    return summing.end(table.name);
  }

  #pass(piece: Buffer): Buffer {
    this.#hash.update(piece);
    this.#bytes += piece.length;
    return piece;
  }
}
