import pg from 'pg';
import { isConnectionLoss } from '../database-errors.ts';
import type { LegacyTenant } from './legacy-moment.ts';

/** Legacy cannot show a moment for now: `message` says why. It is asked again. */
export class MomentUnavailable extends Error {
  override readonly name = 'MomentUnavailable';
}

/** A database was lost on the way. What is whole stays, and the next run goes on. */
export class CopyInterrupted extends Error {
  override readonly name = 'CopyInterrupted';
}

/** Another schema stands in the registry for this tenant than when its copy began. */
export class SchemaMoved extends Error {
  override readonly name = 'SchemaMoved';
}

/** Why a tenant could not be copied, in a sentence without any value of its rows; undefined where it is no fault of this tenant's. */
export function describeCopyTrouble(error: unknown, { schema }: LegacyTenant): string | undefined {
  if (error instanceof SchemaMoved)
    return 'Its schema was renamed, or exchanged, while it was copied. Run this again: what differs is put right.';
  if (isConnectionLoss(error) || !(error instanceof pg.DatabaseError)) return undefined;
  const { code = '', table, constraint, column } = error;
  const place = table === undefined ? 'a table' : `table ${table}`;
  switch (code) {
    case '3F000':
      return `Legacy has no schema "${schema}". Is its line in public.tenants_tenant a leftover?`;
    case '42P01':
    case '42703':
      // Names of the schema only.
      return `Legacy's schema is not as the store expects it: ${error.message}. See: banyan move plan`;
    case '42501':
      return `The role of LEGACY_DATABASE_URL may not read all tables of schema "${schema}". Grant it USAGE on the schema and SELECT on the tables.`;
    case '23505':
      return constraint === 'tenant_name_key'
        ? 'The store has another tenant of this name, under another number.'
        : `A row of ${place} has a key that another one has already (${constraint}).`;
    case '23503':
      return `A row of ${place} refers to one that is missing (${constraint}).`;
    case '23514':
      return `A row of ${place} is refused by a rule of the store (${constraint}).`;
    case '23502':
      return `A row of ${place} has no value in column ${column}, where the store wants one.`;
    default:
      return code.startsWith('22')
        ? `A value of ${place} does not fit the type that its column has in the store (${code}).`
        : `${place === 'a table' ? 'It' : place} could not be copied (${code}).`;
  }
}
