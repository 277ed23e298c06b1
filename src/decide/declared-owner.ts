import type { FeatureName, Side, TenantName } from '../vocabulary/index.ts';
import { asksFlag } from './decision.ts';
import type { FlagReading } from './flag-reader.ts';
import { ruleByStage } from './ruling.ts';
import type { Snapshot } from './snapshot.ts';
import type { RouteRow } from './table.ts';

/**
 * What table and flags say of a feature's writes for one tenant. `mixed`: some of its writing routes go to one side and some to the other, so
 * that no side can own the rows yet.
 */
export type Declared = Side | 'mixed';

const SAFE_METHODS: readonly string[] = ['GET'];

/** A flag that draws users instead of tenants declares what it says of a tenant without a user. */
export function declareOwner(snapshot: Snapshot, tenant: TenantName, feature: FeatureName): Declared {
  const sides = new Set(
    snapshot.rows
      .filter((row) => row.feature === feature && writes(row))
      .map((row) => ruleFor(snapshot, row, tenant)),
  );
  return sides.size === 1 ? ([...sides][0] ?? 'legacy') : sides.size === 0 ? 'legacy' : 'mixed';
}

const writes = ({ methods }: RouteRow) => methods.some((method) => !SAFE_METHODS.includes(method));

function ruleFor(snapshot: Snapshot, row: RouteRow, tenant: TenantName): Side {
  const reads = asksFlag(row) && row.flag !== undefined;
  const reading: FlagReading = reads
    ? (snapshot.readFlag(row.flag, tenant, undefined) ?? 'unknown')
    : 'unknown';
  return ruleByStage(row, tenant, reading, undefined).side;
}
