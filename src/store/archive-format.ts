import { createHash, type Hash } from 'node:crypto';
import { parseTenantId, parseTenantName, type TenantId, type TenantName } from '../vocabulary/index.ts';
import type { ArchiveColumn } from './archive-tables.ts';
import { StoreRefusal } from './errors.ts';

// An archive of one tenant (docs/tenants.md): a line that says what it is, then for each table a line with its name, its rows as COPY
// writes them and a line `\.`, then a line with counts and hashes. Nothing comes after it.

export const ARCHIVE_VERSION = 1;
const KIND = 'tenant';

export type ArchiveHeader = Readonly<{
  tenant: Readonly<{ id: TenantId; name: TenantName; createdAt: string }>;
  /** ISO 8601. */
  exportedAt: string;
  /** Which migrations the store had. */
  migrations: readonly string[];
  tables: readonly Readonly<{ name: string; columns: readonly ArchiveColumn[] }>[];
}>;

/** Of one table's rows, as they stand in the archive. */
export type TableSum = Readonly<{ name: string; rows: number; sha256: string }>;

export type ArchiveFooter = Readonly<{
  tables: readonly TableSum[];
  /** Of everything before the footer's line. */
  sha256: string;
}>;

/** Not an archive, or not any more. */
export class ArchiveDamaged extends StoreRefusal {
  constructor(what: string) {
    super([what]);
  }
}

export function printHeader({ tenant, exportedAt, migrations, tables }: ArchiveHeader): Buffer {
  return printLine({
    banyan: KIND,
    version: ARCHIVE_VERSION,
    tenant: { id: tenant.id, name: tenant.name, created_at: tenant.createdAt },
    exported_at: exportedAt,
    migrations,
    tables,
  });
}

export const printTableLine = (name: string): Buffer => printLine({ table: name });
export const TABLE_END = Buffer.from('\\.\n');
export const printFooter = (footer: ArchiveFooter): Buffer => printLine({ end: footer });

const printLine = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

export function readHeader(line: string): ArchiveHeader {
  const json = readObject(line);
  if (json?.banyan !== KIND)
    throw new ArchiveDamaged('This is no archive that "banyan tenants export" has written.');
  if (json.version !== ARCHIVE_VERSION)
    throw new StoreRefusal([
      `This archive has version ${String(json.version)} of the format; this Banyan reads version ${ARCHIVE_VERSION}. Use the Banyan that wrote it, or a newer one.`,
    ]);
  const { tenant, exported_at, migrations, tables } = json;
  const [id, name] = [parseTenantId(read(tenant, 'id')), parseTenantName(read(tenant, 'name'))];
  const createdAt = read(tenant, 'created_at');
  const isGood =
    typeof createdAt === 'string' &&
    typeof exported_at === 'string' &&
    isListOf(migrations, (one) => typeof one === 'string') &&
    isListOf(tables, isTable);
  if (!isGood || id === undefined || name === undefined)
    throw new ArchiveDamaged('The archive is damaged in its first line.');
  return {
    tenant: { id, name, createdAt },
    exportedAt: exported_at,
    migrations: migrations as readonly string[],
    tables: tables as ArchiveHeader['tables'],
  };
}

/** The name in a table's first line; undefined where the line is none. */
export function readTableLine(line: string): string | undefined {
  const name = readObject(line)?.table;
  return typeof name === 'string' ? name : undefined;
}

export function readFooter(line: string): ArchiveFooter | undefined {
  const end = readObject(line)?.end;
  const [sha256, tables] = [read(end, 'sha256'), read(end, 'tables')];
  return typeof sha256 === 'string' && isListOf(tables, isSum)
    ? { sha256, tables: tables as readonly TableSum[] }
    : undefined;
}

/** Counts and hashes rows as they go by. */
export class Summing {
  readonly #hash: Hash = createHash('sha256');
  #rows = 0;

  add(lines: Buffer): void {
    this.#hash.update(lines);
    for (let at = lines.indexOf(10); at !== -1; at = lines.indexOf(10, at + 1)) this.#rows += 1;
  }

  get rows(): number {
    return this.#rows;
  }

  end(name: string): TableSum {
    return { name, rows: this.#rows, sha256: this.#hash.digest('hex') };
  }
}

function readObject(line: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const read = (holder: unknown, key: string): unknown =>
  typeof holder === 'object' && holder !== null ? Reflect.get(holder, key) : undefined;
const isListOf = (list: unknown, isOne: (one: unknown) => boolean): boolean =>
  Array.isArray(list) && list.every(isOne);
const isNamed = (one: unknown): boolean => typeof read(one, 'name') === 'string';
const isTable = (one: unknown): boolean =>
  isNamed(one) &&
  isListOf(read(one, 'columns'), (column) => isNamed(column) && typeof read(column, 'type') === 'string');
const isSum = (one: unknown): boolean =>
  isNamed(one) && Number.isInteger(read(one, 'rows')) && typeof read(one, 'sha256') === 'string';
