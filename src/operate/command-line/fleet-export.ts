import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TenantName } from '../../vocabulary/index.ts';
import { readArchiveFile, writeArchiveFile } from './archive-file.ts';
import { openProgressLine, printBytes } from './progress-line.ts';
import type { Archived, TenantParts } from './tenant-parts.ts';
import { CommandRefusal, type Terminal } from './terminal.ts';

export type FleetExportWish = Readonly<{
  feature: string;
  tables: readonly string[];
  directory: string;
  tenants: readonly Readonly<{ id: number; tenant: string }>[];
}>;

/** `made`, and `kept` ones of an earlier attempt, which were read again from end to end. */
export type FleetExport = Readonly<{
  directory: string;
  tenants: number;
  made: number;
  kept: number;
  rows: number;
  bytes: number;
  /** Of the manifest. */
  sha256: string;
}>;

type Exported = Readonly<{
  file: string;
  bytes: number;
  sha256: string;
  archive: Archived;
  is: 'made' | 'kept';
}>;

const OWNER_ONLY = { directory: 0o700, file: 0o600 } as const;
export const MANIFEST = 'manifest.json';
/** What is older says too little of what would be lost. */
const FRESH_MS = 24 * 3_600_000;

/**
 * Exports every tenant into a directory, one archive each, reads each one back, and writes a manifest with their hashes at the end. Whole
 * archives of an earlier attempt are read again and kept. Throws one clear sentence; what is finished stays for the next attempt.
 */
export async function exportFleet(
  terminal: Terminal,
  parts: TenantParts,
  wish: FleetExportWish,
): Promise<FleetExport> {
  const directory = resolve(wish.directory);
  await refuseUnknown(parts, wish);
  await prepareDirectory(directory, await parts.bytes());
  const line = openProgressLine(terminal);
  const done: Exported[] = [];
  try {
    for (const [at, { tenant }] of wish.tenants.entries()) {
      line.show(`${tenant}: ${at + 1} of ${wish.tenants.length}`);
      done.push(await exportOne(parts, directory, tenant as TenantName));
    }
  } finally {
    line.clear();
  }
  const sha256 = await writeManifest(directory, wish, done);
  return {
    directory,
    tenants: done.length,
    made: done.filter(({ is }) => is === 'made').length,
    kept: done.filter(({ is }) => is === 'kept').length,
    rows: done.reduce((sum, { archive }) => sum + countRows(archive), 0),
    bytes: done.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256,
  };
}

/** The commands and the gateway must mean the same store. */
async function refuseUnknown(parts: TenantParts, { tenants }: FleetExportWish): Promise<void> {
  const here = new Map((await parts.list()).map(({ id, name }) => [id as number, name as string]));
  const strange = tenants.filter(({ id, tenant }) => here.get(id) !== tenant);
  if (strange.length === 0) return;
  throw new CommandRefusal(
    `DATABASE_OWNER_URL leads to a store that does not know ${strange[0]?.tenant} as number ${strange[0]?.id}: it is not the gateway's. Nothing was changed.`,
  );
}

async function prepareDirectory(directory: string, wantedBytes: number): Promise<void> {
  const probe = join(directory, `.probe-${randomUUID()}`);
  try {
    await mkdir(directory, { recursive: true, mode: OWNER_ONLY.directory });
    await (await open(probe, 'wx', OWNER_ONLY.file)).close();
    await rm(probe);
  } catch (error) {
    throw new CommandRefusal(`${directory} cannot be written (${codeOf(error)}). Nothing was changed.`);
  }
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= wantedBytes) return;
  throw new CommandRefusal(
    `${directory} has ${printBytes(freeBytes)} free, and the tenants' tables have ${printBytes(wantedBytes)}. Name another one (--export DIR). Nothing was changed.`,
  );
}

async function exportOne(parts: TenantParts, directory: string, tenant: TenantName): Promise<Exported> {
  const file = `${tenant}.banyan.gz`;
  const path = join(directory, file);
  const kept = await keepFinished(parts, path, tenant);
  if (kept) return { file, is: 'kept', archive: kept, ...(await sumFile(path)) };
  const heard = { onProgress: () => undefined, onEnd: () => undefined };
  const { checked } = await writeArchiveFile(path, parts.export(tenant, heard), parts.check);
  refuseOther(checked, path, tenant);
  return { file, is: 'made', archive: checked, ...(await sumFile(path)) };
}

async function keepFinished(
  parts: TenantParts,
  path: string,
  tenant: TenantName,
): Promise<Archived | undefined> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const archive = await parts.check(readArchiveFile(path));
  refuseOther(archive, path, tenant);
  if (Date.now() - Date.parse(archive.header.exportedAt) < FRESH_MS) return archive;
  throw new CommandRefusal(
    `${path} is of ${archive.header.exportedAt}, older than a day. Name another directory (--export DIR), or remove it. Nothing was changed.`,
  );
}

function refuseOther({ header }: Archived, path: string, tenant: TenantName): void {
  if (header.tenant.name === tenant) return;
  throw new CommandRefusal(
    `${path} holds ${header.tenant.name}, not ${tenant}. Remove it, or name another directory (--export DIR). Nothing was changed.`,
  );
}

async function sumFile(path: string): Promise<Readonly<{ bytes: number; sha256: string }>> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

const countRows = ({ footer }: Archived) => footer.tables.reduce((sum, { rows }) => sum + rows, 0);

/** On the disk before it has its name. Answers its SHA-256. */
async function writeManifest(
  directory: string,
  { feature, tables }: FleetExportWish,
  done: readonly Exported[],
): Promise<string> {
  const archives = done.map(({ file, bytes, sha256, archive }) => ({
    tenant: archive.header.tenant,
    file,
    bytes,
    sha256,
    exported_at: archive.header.exportedAt,
    rows: countRows(archive),
    tables: archive.footer.tables,
    content_sha256: archive.footer.sha256,
  }));
  const manifest = {
    banyan: 'fleet',
    version: 1,
    feature,
    tables,
    made_at: new Date().toISOString(),
    archives,
  };
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
  const path = join(directory, MANIFEST);
  const file = await open(`${path}.part`, 'w', OWNER_ONLY.file);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    throw new CommandRefusal(`${path} cannot be written (${codeOf(error)}). Nothing was changed.`);
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
  await syncDirectory(directory);
  return createHash('sha256').update(text).digest('hex');
}

/** New names are on the disk, too. */
async function syncDirectory(directory: string): Promise<void> {
  const folder = await open(directory, 'r');
  await folder.sync().finally(() => folder.close());
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : String(error);
}
