import { DriverAdapterError } from '@prisma/driver-adapter-utils';
import { QueryTooSlow, type StoreTrouble, StoreUnavailable } from './errors.ts';

/** What an error of a statement means to whoever waits for it: a trouble of the store has its own error, everything else stays as it is. */
export function nameTrouble(error: unknown): unknown {
  if (codeInside(error) === '57014') return new QueryTooSlow(error);
  const reason = findTrouble(error);
  return reason === undefined ? error : new StoreUnavailable(error, { reason });
}

/** Undefined: the database is well, and the statement itself was wrong. */
export function findTrouble(error: unknown): StoreTrouble | undefined {
  const code = codeInside(error);
  if (isConnectionLoss(error)) return isCrowd(error, code) ? 'crowded' : 'unreachable';
  if (code === '25006') return 'read_only';
  if (code === '55P03') return 'locked';
  // 53: disk full, out of memory. 58: errors of the system below.
  return /^5[38]/.test(code) ? 'failing' : undefined;
}

function isCrowd(error: unknown, code: string): boolean {
  return code === '53300' || messageOf(error).startsWith('timeout exceeded');
}

/**
 * True for what the driver says when the database is gone, going, or not up yet. Only for errors of the driver itself: a handler's own
 * socket error looks the same and means something else.
 */
export function isConnectionLoss(error: unknown): boolean {
  const cause = causeInside(error);
  // 57P01..05: the server is going down, crashed, or not up yet. 25P03, 25P04: it ended a transaction that lasted for too long.
  if (/^(57P0[1-5]|08...|25P0[34]|53300|E[A-Z]+)$/.test(codeInside(error))) return true;
  if (LOST_KINDS.has(readText(cause, 'kind'))) return true;
  return /^Connection terminated|^Query read timeout|connection error and is not queryable|^timeout exceeded|after calling end/.test(
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

/** The driver has waited in vain: the server, or the way to it, has gone without a word. */
export function isSilence(error: unknown): boolean {
  return messageOf(causeInside(error)).startsWith('Query read timeout');
}

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

/** True where a lock could not be had in time (55P03). */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof StoreUnavailable ? error.reason === 'locked' : codeInside(error) === '55P03';
}

function causeInside(error: unknown): unknown {
  return error instanceof DriverAdapterError ? error.cause : error;
}

/** PostgreSQL's own code, whether the driver says it or Prisma's adapter around it. */
function codeInside(error: unknown): string {
  const cause = causeInside(error);
  return readText(cause, 'originalCode') || codeOf(cause);
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
