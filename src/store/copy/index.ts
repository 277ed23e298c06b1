// store/copy: legacy's tenants, into the partitioned tables. A small one in one transaction; a large one chunk by chunk, invisible until it
// is whole, and gone on with after a crash. Only tenants that nobody else writes are touched: new ones, and those that are arriving.
export type { CopyMoment, Pace } from './copy-run.ts';
export { copyTenants } from './copy-tenants.ts';
export { CopyInterrupted, MomentUnavailable } from './copy-trouble.ts';
export type { Copied, CopyFailure, CopyProgress, CopyWish } from './copy-wish.ts';
