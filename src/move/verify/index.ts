// verify: are a tenant's rows the same on both sides? Nothing is changed, and no value leaves a database.
export type { Since } from './change-look.ts';
export type { ColumnApart } from './matched-tables.ts';
export { describeProof } from './proof-text.ts';
export type { RowFinding } from './table-look.ts';
export { VerifyTrouble } from './trouble.ts';
export { type Proof, type VerifyWish, verifyTenant } from './verify-tenant.ts';
