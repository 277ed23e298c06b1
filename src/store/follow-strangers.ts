import pg from 'pg';
import { type FeatureName, type Position, printPosition, type TenantId } from '../vocabulary/index.ts';
import type { StrangersWrites } from './follow.ts';
import type { LegacyChange } from './follow-application.ts';
import type { Fence } from './follow-connection.ts';
import type { FollowedTable } from './follow-tables.ts';

/** Legacy's change at this position was not legacy's to make. */
export function isOwned({ owned }: Fence, table: string, position: Position): boolean {
  const one = owned.get(table);
  return one !== undefined && (one.upTo === undefined || position <= one.upTo);
}

export function listStrangers(
  changes: readonly LegacyChange[],
  tables: ReadonlyMap<string, FollowedTable>,
  fence: Fence,
  position: Position,
): readonly LegacyChange[] {
  return changes.filter(({ table }) => tables.has(table) && isOwned(fence, table, position));
}

/** Which rows it was: never what became of them. */
export function noteStrangers(
  position: Position,
  tenant: TenantId,
  { owned }: Fence,
  changes: readonly LegacyChange[],
  tables: ReadonlyMap<string, FollowedTable>,
): string {
  const lines = changes.map((one) => {
    const texts = [
      owned.get(one.table)?.feature ?? '',
      one.table,
      one.change,
      printKey(one, tables.get(one.table)),
    ];
    return `(${Number(tenant)}, '${printPosition(position)}', ${texts.map(pg.escapeLiteral).join(', ')})`;
  });
  return `INSERT INTO banyan.stranger (tenant_id, position, feature, table_name, change, key) VALUES ${lines.join(', ')}`;
}

export function countStrangers(
  { owned }: Fence,
  changes: readonly LegacyChange[],
): readonly StrangersWrites[] {
  return [...Map.groupBy(changes, ({ table }) => table)].map(([table, { length }]) => ({
    feature: owned.get(table)?.feature ?? ('' as FeatureName),
    table,
    rows: length,
  }));
}

const NUMBERS = /^(smallint|integer|bigint)$/;

/** As the outbox has it: `{"id":41}`. */
function printKey(change: LegacyChange, table: FollowedTable | undefined): string {
  const fields = (table?.keys ?? []).flatMap((key) => {
    const value = readKey(change, key);
    if (value == null) return [];
    const isNumber = NUMBERS.test(table?.types.get(key) ?? '');
    return [`${JSON.stringify(key)}:${isNumber ? value : JSON.stringify(value)}`];
  });
  return `{${fields.join(',')}}`;
}

function readKey(change: LegacyChange, key: string): string | null | undefined {
  switch (change.change) {
    case 'insert':
      return change.row[key];
    case 'update':
      return change.old?.[key] ?? change.row[key];
    case 'delete':
      return change.old[key];
    case 'truncate':
      return undefined;
  }
}
