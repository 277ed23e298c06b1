import { DriverAdapterError } from '@prisma/driver-adapter-utils';

/** The store cannot be used safely: start-up stops. Every finding is one sentence with its remedy. */
export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal';
  readonly findings: readonly string[];
  constructor(findings: readonly string[]) {
    super(
      findings.length === 1
        ? String(findings[0])
        : ['The new store cannot be used:', ...findings].join('\n- '),
    );
    this.findings = Object.freeze([...findings]);
  }
}

/** The database cannot be asked at the moment: unreachable, no free connection in time, or the connection broke. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  /** True only where COMMIT was sent and its answer lost: then nobody knows. In all other cases nothing was written. */
  readonly mayHaveWritten: boolean;
  constructor(cause: unknown, more: { readonly mayHaveWritten: boolean } = { mayHaveWritten: false }) {
    super('The database cannot be reached at the moment.', { cause });
    this.mayHaveWritten = more.mayHaveWritten;
  }
}

/** No tenant of that name is in the registry. */
export class TenantUnknown extends Error {
  override readonly name = 'TenantUnknown';
  constructor(name: string) {
    super(`No tenant is named "${name}" in the new store.`);
  }
}

/**
 * The tenant's rows cannot be shown in the wished state. `behind`: legacy has not been followed so far yet. `forgotten`: too long ago.
 * `not_followed`: nobody carries this tenant's rows over. `in_motion`: another transaction changed the same rows meanwhile.
 * `apart`: the new side has written rows of its own.
 */
export class StateUnreachable extends Error {
  override readonly name = 'StateUnreachable';
  readonly reason: 'behind' | 'forgotten' | 'not_followed' | 'in_motion' | 'apart';
  constructor(reason: StateUnreachable['reason'], cause?: unknown) {
    super(`The tenant's rows cannot be shown as they were: ${reason}.`, { cause });
    this.reason = reason;
  }
}

/** A bug in a handler: a query that does not say whose rows it means, or that names another tenant's. */
export class UnscopedQuery extends Error {
  override readonly name = 'UnscopedQuery';
}

/**
 * True for what the driver says when the database is gone, going, or not up yet. Only for errors of the driver itself: a handler's own
 * socket error looks the same and means something else.
 */
export function isConnectionLoss(error: unknown): boolean {
  const cause: unknown = error instanceof DriverAdapterError ? error.cause : error;
  const code = readText(cause, 'originalCode') || codeOf(cause);
  // 57P01..03: the server is going down, crashed, or not up yet. 25P03: it ended a transaction that did nothing for too long.
  if (/^(57P0[123]|08...|25P03|53300|E[A-Z]+)$/.test(code)) return true;
  if (LOST_KINDS.has(readText(cause, 'kind'))) return true;
  return /^Connection terminated|connection error and is not queryable|^timeout exceeded|after calling end/.test(
    messageOf(cause),
  );
}

// What Prisma's adapter makes of socket errors.
const LOST_KINDS = new Set([
  'ConnectionClosed',
  'SocketTimeout',
  'DatabaseNotReachable',
  'TlsConnectionError',
]);

/** 40001 and 40P01: PostgreSQL asks for a repetition. Prisma calls both P2034; for raw SQL only the driver's error inside tells. */
export function isWriteConflict(error: unknown): boolean {
  if (/^(P2034|40001|40P01)$/.test(codeOf(error))) return true;
  const cause = read(read(read(error, 'meta'), 'driverAdapterError'), 'cause');
  return readText(cause, 'kind') === 'TransactionWriteConflict';
}

/** A row is there already, or one that is referred to is not: what a handler may do wrong, and what a race may do to it. */
export function isKeyConflict(error: unknown): boolean {
  if (/^(P2002|P2003|23505|23503)$/.test(codeOf(error))) return true;
  const cause = read(read(read(error, 'meta'), 'driverAdapterError'), 'cause');
  return /^(UniqueConstraintViolation|ForeignKeyConstraintViolation)$/.test(readText(cause, 'kind'));
}

/** Prisma gave up before the transaction had begun: the process or the database is too busy. */
export function isStartTimeout(error: unknown): boolean {
  return codeOf(error) === 'P2028' && messageOf(error).includes('Unable to start a transaction');
}

// Read by shape, not by class: errors come from Node, from pg and from Prisma.
export function codeOf(error: unknown): string {
  return readText(error, 'code');
}

export function messageOf(error: unknown): string {
  return readText(error, 'message');
}

function readText(holder: unknown, key: string): string {
  const text = read(holder, key);
  return typeof text === 'string' ? text : '';
}

function read(holder: unknown, key: string): unknown {
  return typeof holder === 'object' && holder !== null ? Reflect.get(holder, key) : undefined;
}
