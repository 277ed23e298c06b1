import type { TenantId } from '../vocabulary/index.ts';
import { CHANGES, CREATES, READS } from './operations.ts';

/** What is wrong with a query's arguments: `unnamed` says nobody's tenant, `foreign` names one that is not the transaction's. */
export type ScopeFault = 'unnamed' | 'foreign' | undefined;

const READS_AND_CHANGES: ReadonlySet<string> = new Set([...READS, ...CHANGES]);
// An upsert is both.
const MAKES: ReadonlySet<string> = new Set([...CREATES, 'upsert']);

type Args = Readonly<Record<string, unknown>>;

/** Looks at one model query before it is sent. Row-level security would answer no rows; this says which handler forgot the key. */
export function findScopeFault(operation: string, args: unknown, tenant: TenantId): ScopeFault {
  const given: Args = isPlain(args) ? args : {};
  if (namesForeign(given, tenant)) return 'foreign';
  if (READS_AND_CHANGES.has(operation) && !pinsTenant(given.where)) return 'unnamed';
  if (MAKES.has(operation) && !createsNamed(given[operation === 'upsert' ? 'create' : 'data']))
    return 'unnamed';
  return undefined;
}

/** Raw SQL can only be looked at as text: it must speak of the key, so that one partition is touched. */
export function findRawScopeFault(text: string): ScopeFault {
  return /\btenant_id\b/.test(text) ? undefined : 'unnamed';
}

/** Statements that would change whose transaction this is, or end it. */
export function leavesTheFence(text: string): boolean {
  const bare = text.replaceAll(/\/\*[\s\S]*?\*\/|--[^\n]*/g, ' ');
  return (
    /banyan\.tenant_id|\bset_config\b|\bpg_(try_)?advisory_lock/i.test(text) ||
    /^\s*(begin|start|commit|end|rollback|abort|savepoint|release|set|reset|discard|prepare)\b/i.test(bare)
  );
}

function pinsTenant(where: unknown): boolean {
  if (Array.isArray(where)) return where.some(pinsTenant);
  if (!isPlain(where)) return false;
  return Object.entries(where).some(([key, value]) => {
    if (key === 'tenantId')
      return typeof value === 'number' || (isPlain(value) && typeof value.equals === 'number');
    if (key === 'AND') return pinsTenant(value);
    return key.startsWith('tenantId_') && isPlain(value) && typeof value.tenantId === 'number';
  });
}

function createsNamed(data: unknown): boolean {
  if (Array.isArray(data)) return data.every(createsNamed);
  return (
    isPlain(data) &&
    Object.entries(data).some(([key, value]) =>
      key === 'tenantId' ? typeof value === 'number' : mentionsTenant(value),
    )
  );
}

// A relation given by `connect` brings the tenant of its key along.
function mentionsTenant(value: unknown): boolean {
  if (!isPlain(value)) return false;
  return Object.entries(value).some(([key, inner]) =>
    key === 'tenantId' ? typeof inner === 'number' : mentionsTenant(inner),
  );
}

function namesForeign(value: unknown, tenant: TenantId): boolean {
  if (Array.isArray(value)) return value.some((item) => namesForeign(item, tenant));
  if (!isPlain(value)) return false;
  return Object.entries(value).some(([key, inner]) =>
    key === 'tenantId' ? holdsOtherNumber(inner, tenant) : namesForeign(inner, tenant),
  );
}

function holdsOtherNumber(value: unknown, tenant: TenantId): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value) !== tenant;
  if (Array.isArray(value)) return value.some((item) => holdsOtherNumber(item, tenant));
  return isPlain(value) && Object.values(value).some((item) => holdsOtherNumber(item, tenant));
}

function isPlain(value: unknown): value is Args {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
