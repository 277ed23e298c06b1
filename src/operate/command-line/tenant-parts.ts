import type { TenantId, TenantName } from '../../vocabulary/index.ts';

/** What the command line is handed to work on whole tenants, as the owner of the tables. All throw one clear sentence. */
export type TenantParts = Readonly<{
  list(): Promise<readonly ListedTenant[]>;
  count(tenant: TenantName): Promise<CountedTenant>;
  /** How much room the rows of all tenants take in the store. */
  bytes(): Promise<number>;
  /** An archive, piece by piece. */
  export(tenant: TenantName, heard: ExportListener): AsyncIterable<Buffer>;
  /** Reads an archive to its end, and believes nothing. */
  check(archive: AsyncIterable<Buffer>): Promise<Archived>;
  restore(
    archive: AsyncIterable<Buffer>,
    wish: Readonly<{ as: TenantName | undefined; onProgress(progress: ArchiveProgress): void }>,
  ): Promise<RestoredTenant>;
  delete(
    tenant: TenantName,
    wish: Readonly<{ ifFollowed: 'refuse' | 'unfollow'; onProgress(progress: DeleteProgress): void }>,
  ): Promise<DeletedTenant>;
}>;

type Named = Readonly<{ id: TenantId; name: TenantName }>;
type TableRows = readonly Readonly<{ name: string; rows: number }>[];
type TableSums = readonly Readonly<{ name: string; rows: number; sha256: string }>[];

export type ListedTenant = Named &
  Readonly<{
    createdAt: string;
    state: 'here' | 'arriving' | 'leaving';
    partition: 'shared' | 'own';
    slot: string | undefined;
    ownedByNew: readonly string[];
  }>;

export type CountedTenant = Named & Readonly<{ tables: TableRows }>;
export type Archived = Readonly<{
  header: Readonly<{ tenant: Named; exportedAt: string }>;
  footer: Readonly<{ tables: TableSums; sha256: string }>;
}>;
export type RestoredTenant = Readonly<{
  tenant: Named;
  from: Named & Readonly<{ exportedAt: string }>;
  rows: number;
  tables: TableSums;
}>;
export type DeletedTenant = Readonly<{ tenant: Named; rows: number; tables: TableRows; keysRevoked: number }>;

export type ArchiveProgress = Readonly<{ table: string; rows: number; bytes: number }>;
export type DeleteProgress =
  | Readonly<{ kind: 'waiting'; ms: number }>
  | Readonly<{ kind: 'deleted'; table: string; rows: number }>;
export type ExportListener = Readonly<{
  onProgress(progress: ArchiveProgress): void;
  onEnd(written: Archived): void;
}>;
