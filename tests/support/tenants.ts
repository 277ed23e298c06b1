import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import pg from 'pg';
import { CommandRefusal, type TenantParts } from '../../src/operate/index.ts';
import {
  checkArchive,
  countTenant,
  deleteTenant,
  exportTenant,
  listTenants,
  measureTenants,
  restoreTenant,
} from '../../src/store/index.ts';
import type { TenantName } from '../../src/vocabulary/index.ts';

export const named = (name: string): TenantName => name as TenantName;

export async function asRole<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return work(client).finally(() => client.end());
}

export async function exportWhole(ownerUrl: string, tenant: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of exportTenant({ ownerUrl, tenant: named(tenant) })) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** In pieces of a size that cuts lines and characters apart. */
export function restoreWhole(ownerUrl: string, archive: Buffer, as?: string, pieceBytes = 1_000) {
  return restoreTenant({
    ownerUrl,
    source: cut(archive, pieceBytes),
    as: as === undefined ? undefined : named(as),
  });
}

export function cut(archive: Buffer, pieceBytes: number): AsyncIterable<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < archive.length; at += pieceBytes) pieces.push(archive.subarray(at, at + pieceBytes));
  return Readable.from(pieces);
}

const TABLES = `SELECT format('%I.%I', n.nspname, c.relname) AS place,
    (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'tenant_id') AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) ORDER BY 1`;

/** By tenant and table: every row as text, or that text's hash, without the tenant. */
export type Dump = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** All rows of all tenants in every table that has any. A superuser's eyes are needed. */
export async function dumpTenants(url: string): Promise<Dump> {
  return asRole(url, async (client) => {
    await client.query("SET TimeZone = 'UTC'");
    const dump: Record<string, Record<string, string[]>> = {};
    for (const { place, columns } of (await client.query<{ place: string; columns: string }>(TABLES)).rows) {
      const { rows } = await client.query<{ id: number; row: string }>(
        `SELECT tenant_id AS id, CASE WHEN length(r) > 500 THEN md5(r) ELSE r END AS row
         FROM (SELECT tenant_id, ROW(${columns})::text AS r FROM ${place}) t`,
      );
      for (const { id, row } of rows) {
        dump[id] ??= {};
        dump[id][place] ??= [];
        dump[id][place].push(row);
      }
    }
    for (const tables of Object.values(dump)) for (const lines of Object.values(tables)) lines.sort();
    return dump;
  });
}

/** What must not change of the others. */
export async function hashTenants(url: string): Promise<Readonly<Record<string, string>>> {
  const sum = (tables: unknown) => createHash('md5').update(JSON.stringify(tables)).digest('hex');
  return Object.fromEntries(Object.entries(await dumpTenants(url)).map(([id, tables]) => [id, sum(tables)]));
}

/** For command lines that have no store. */
export const NO_TENANTS: TenantParts = {
  list: async () => [],
  count: () => Promise.reject(new Error('no store')),
  bytes: async () => 0,
  export: () => cut(Buffer.alloc(0), 1),
  check: () => Promise.reject(new Error('no store')),
  restore: () => Promise.reject(new Error('no store')),
  delete: () => Promise.reject(new Error('no store')),
};

/** What src/cli.ts hands to the command line. */
export function tenantPartsOf(ownerUrl: string): TenantParts {
  return {
    list: () => listTenants(ownerUrl).catch(refuse),
    count: (tenant) => countTenant(ownerUrl, tenant).catch(refuse),
    bytes: () => measureTenants(ownerUrl).catch(refuse),
    async *export(tenant, heard) {
      try {
        yield* exportTenant({ ownerUrl, tenant, ...heard });
      } catch (error) {
        refuse(error);
      }
    },
    check: (archive) => checkArchive(archive).catch(refuse),
    restore: (source, wish) => restoreTenant({ ownerUrl, source, ...wish }).catch(refuse),
    delete: (tenant, wish) => deleteTenant({ ownerUrl, tenant, ...wish, forgetMs: 0 }).catch(refuse),
  };
}

function refuse(error: unknown): never {
  throw new CommandRefusal(error instanceof Error ? error.message : String(error));
}
