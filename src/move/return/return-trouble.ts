import pg from 'pg';
import { StoreUnavailable } from '../../store/index.ts';
import type { TenantName } from '../../vocabulary/index.ts';
import { codeOf } from '../trouble.ts';

/**
 * Why rows are not carried back; the message is a sentence with its remedy, and never has a value. `misfit`: rows of this tenant do not
 * fit on legacy. `busy`: somebody is in the way. `away`: one of the databases cannot be reached, which holds for all tenants.
 */
export class ReturnTrouble extends Error {
  override readonly name = 'ReturnTrouble';
  readonly kind: 'misfit' | 'busy' | 'away';
  constructor(kind: ReturnTrouble['kind'], message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

type Reason =
  | Readonly<{ kind: 'no_table' }>
  | Readonly<{ kind: 'no_key'; column: string }>
  | Readonly<{ kind: 'no_schema' }>
  | Readonly<{ kind: 'no_row' }>
  | Readonly<{ kind: 'refused'; by: pg.DatabaseError }>;

/** A line that legacy does not take. */
export class Misfit extends Error {
  override readonly name = 'Misfit';
  /** Undefined where it showed only at the end. */
  readonly table: string | undefined;
  readonly reason: Reason;
  /** All that waited was being carried. */
  isComplete = true;
  constructor(table: string | undefined, reason: Reason) {
    super('A row of the new side does not fit on legacy.', {
      cause: reason.kind === 'refused' ? reason.by : undefined,
    });
    this.table = table;
    this.reason = reason;
  }

  /** A row refers to one that is not there; perhaps only because that one comes later. */
  get isOrphan(): boolean {
    return this.reason.kind === 'refused' && this.reason.by.code === '23503';
  }
}

/** What an error of legacy's means for the rows that were being carried; undefined: nothing, and it is not theirs. */
export function findMisfit(error: unknown, table: string | undefined): Misfit | undefined {
  if (error instanceof Misfit) return error;
  if (!(error instanceof pg.DatabaseError) || PASSING.test(codeOf(error)) || AWAY.test(codeOf(error)))
    return undefined;
  return new Misfit(error.table ?? table, { kind: 'refused', by: error });
}

// A repetition is asked for, a lock was not had in time, a statement took too long.
const PASSING = /^(40001|40P01|55P03|57014)$/;
// Going down or not up, no connection to be had, nobody let in, a standby, no disk; our own table missing is found before any row is.
const AWAY = /^(57P|08|53|58|28|3D|25)/;

/** Deadlocks and the like: the same once more may do. */
export const isRepeatable = (error: unknown): boolean => /^(40001|40P01)$/.test(codeOf(error));

export function asReturnTrouble(error: unknown, tenant: TenantName | undefined): ReturnTrouble {
  if (error instanceof ReturnTrouble) return error;
  if (error instanceof Misfit) return new ReturnTrouble('misfit', describeMisfit(error, tenant), error);
  if (error instanceof StoreUnavailable)
    return new ReturnTrouble('away', 'The new store cannot be reached at the moment.', error);
  const code = codeOf(error);
  if (PASSING.test(code))
    return new ReturnTrouble(
      'busy',
      `Rows of tenant "${tenant}" are held by somebody else on legacy for too long (${code}).`,
      error,
    );
  if (code === '42P01' || code === '3F000')
    return new ReturnTrouble(
      'away',
      'Legacy\'s database has no table banyan.returned. Run "banyan move start" (docs/moving.md).',
      error,
    );
  if (code === '42501')
    return new ReturnTrouble(
      'away',
      "The role of LEGACY_DATABASE_URL may not use banyan.returned or read public.tenants_tenant in legacy's database. An administrator grants it both.",
      error,
    );
  return new ReturnTrouble(
    'away',
    `Legacy's database cannot be written at the moment (${code || kindOf(error)}).`,
    error,
  );
}

// The kind of a bug, not its message: that may quote a row.
const kindOf = (error: unknown) => (error instanceof Error ? error.name : typeof error);

function describeMisfit({ table, reason }: Misfit, tenant: TenantName | undefined): string {
  const whose = `Tenant "${tenant}", table ${table ?? 'unknown'}: `;
  switch (reason.kind) {
    case 'no_table':
      return `${whose}legacy has no such table in the tenant's schema. Make it there, or hand the feature back by hand.`;
    case 'no_schema':
      return `Tenant "${tenant}": legacy's registry does not know it. Its rows wait until it does.`;
    case 'no_key':
      return `${whose}legacy has no column "${reason.column}", which is part of the key.`;
    case 'no_row':
      return `${whose}legacy lacks a row that the new side has changed.`;
    case 'refused':
      return whose + describeRefusal(reason.by);
  }
}

function describeRefusal({ code = '', column, constraint }: pg.DatabaseError): string {
  switch (code) {
    case '23502':
      return `legacy wants a value in column "${column}" and is given none. Give it a default on legacy, or fill it by the new side.`;
    case '23503':
      return `a row would refer to one that legacy does not have (${constraint}). Look at banyan.stranger and at rows of tables that the new side does not know.`;
    case '23505':
      return `another row on legacy has the same key already (${constraint}). Remove the one that is not the new side's.`;
    case '23514':
    case '23P01':
      return `legacy's rule "${constraint}" refuses a row. Change the rule, or the row on the new side.`;
    case '42P10':
      return 'legacy has no unique index over just the key of the new side. Make one.';
    case '42501':
      return 'the role of LEGACY_DATABASE_URL may not write it. An administrator grants SELECT, INSERT, UPDATE and DELETE.';
    case '428C9':
      return `legacy gives out the values of column "${column ?? 'id'}" itself (GENERATED ALWAYS), and a key that changed cannot be written.`;
    case 'P0001':
      return 'a trigger of legacy refuses a row.';
    default:
      return /^22/.test(code)
        ? `a value does not fit the type of a column on legacy (${code}). Make the two sides' types alike.`
        : `legacy refuses a row (${code}).`;
  }
}
