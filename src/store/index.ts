// store: PostgreSQL, always inside one tenant. The only room that knows Prisma.
// `openStore` checks roles, migrations and fences first and throws StoreRefusal with every finding; `within` runs one transaction of one
// tenant, `rehearsal` a whole handler in a state of the rows that may have passed, and undoes it. They throw TenantUnknown,
// StoreUnavailable, QueryTooSlow and StateUnreachable as expected failures; UnscopedQuery is a handler's bug. `journal` and `follow` know of legacy's
// changes, `outbox` of the new side's that legacy is to have. `prepareDatabase`, `migrateStore`, `isolateTenant`, `copyTenants` and what exports, restores, deletes and lists tenants work as
// other roles than the gateway's own.
export { checkArchive } from './archive-reader.ts';
export {
  type Copied,
  type CopyFailure,
  CopyInterrupted,
  type CopyMoment,
  type CopyProgress,
  type CopyWish,
  copyTenants,
  MomentUnavailable,
  type Pace,
} from './copy/index.ts';
export { type Deleted, type DeleteProgress, type DeleteWish, deleteTenant } from './delete-tenant.ts';
export {
  QueryTooSlow,
  StateUnreachable,
  StoreRefusal,
  type StoreTrouble,
  StoreUnavailable,
  TenantUnknown,
  UnscopedQuery,
} from './errors.ts';
export { type Archived, type ArchiveProgress, type ExportWish, exportTenant } from './export-tenant.ts';
export type {
  Applied,
  ChangeOrigin,
  FollowManner,
  FollowMapping,
  FollowStore,
  FollowTransaction,
  StrangersWrites,
} from './follow.ts';
export { type LegacyChange, type LegacyValues, RowConflict } from './follow-application.ts';
export { type FollowRoll, type MappingObstacle, openFollowRoll } from './follow-roll.ts';
export { Prisma } from './generated/client.ts';
export { isolateTenant, shareTenant } from './giant.ts';
export { migrateStore } from './migrate.ts';
export type { HandOverStep, MoverBook } from './mover-book.ts';
export type { RehearsalWish } from './opening.ts';
export type { BatchBounds, Carried, OutboxBatch, OutboxLine, OutboxPending, OutboxStore } from './outbox.ts';
export { APP_ROLE, OWNER_ROLE, type PreparedDatabase, prepareDatabase } from './prepare.ts';
export type { ProofStore } from './proof.ts';
export {
  type ProofCells,
  type ProofColumn,
  ProofReading,
  type ProofRow,
  type ProofSlice,
  type ProofTally,
} from './proof-reading.ts';
export type { ProofMoment, ProvenTable } from './proof-sql.ts';
export type { Rehearsed, TenantStore } from './rehearsal.ts';
export { type Restored, type RestoreWish, restoreTenant } from './restore-tenant.ts';
export { openStore, type Store, type StoreWish } from './store.ts';
export {
  type CountedTenant,
  countTenant,
  type ListedTenant,
  listTenants,
  measureTenants,
} from './tenant-roll.ts';
export type { Tenant, Tenants } from './tenants.ts';
export type { CountedTable, TenantModel, TenantTransaction } from './transaction.ts';
export type { Work } from './within.ts';
