import { InvalidArgumentError } from 'commander';
import {
  parseTenantName,
  parseUserId,
  STAGES,
  type Stage,
  type TenantName,
  type UserId,
} from '../../vocabulary/index.ts';
import { parseSince, SINCE_HINT } from '../diffs/since.ts';
import { suggestName } from '../nearest-name.ts';

/** Parsers of what is typed: each throws what commander prints as wrong usage (exit 2). */

export function readStage(typed: string): Stage {
  const stage = STAGES.find((known) => known === typed);
  if (stage) return stage;
  throw new InvalidArgumentError(`A stage is one of ${STAGES.join(', ')}.${suggestName(typed, STAGES)}`);
}

export function readPercent(typed: string): number {
  const percent = Number(/^(\d{1,3}(?:\.\d{1,2})?)\s?%?$/.exec(typed)?.[1] ?? Number.NaN);
  if (percent >= 0 && percent <= 100) return percent;
  throw new InvalidArgumentError('A percentage goes from 0 to 100 in steps of 0.01, for example 10 or 0.25.');
}

export function readTenant(typed: string): TenantName {
  const tenant = parseTenantName(typed);
  if (tenant) return tenant;
  throw new InvalidArgumentError(
    'A tenant’s name has lower-case letters, digits and dashes, for example acme.',
  );
}

/** Takes `--tenant a b`, `--tenant a,b` and `--tenant a --tenant b` alike. */
export function collectTenants(typed: string, before: unknown): readonly TenantName[] {
  const names = typed.split(',').filter((name) => name !== '');
  const sofar = Array.isArray(before) ? (before as readonly TenantName[]) : [];
  return [...new Set([...sofar, ...names.map(readTenant)])];
}

export function readUser(typed: string): UserId {
  const user = parseUserId(typed);
  if (user) return user;
  throw new InvalidArgumentError('A user is a positive whole number, as legacy’s auth_user.id.');
}

const UNITS_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** `90d`, `12h`, `8w`, `1y`, or a date: the moment at which a key made now expires. */
export function readExpiry(typed: string, now: Date = new Date()): Date {
  const [, count, unit] = /^(\d{1,5})([hdwy])$/.exec(typed) ?? [];
  if (count && unit) return new Date(now.getTime() + Number(count) * (UNITS_MS[unit] ?? 0));
  const date = /^\d{4}-\d{2}-\d{2}(T.*)?$/.test(typed) ? new Date(typed) : undefined;
  if (date && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError(
    'An expiry is a span such as 90d, 12h, 8w or 1y, or a date such as 2027-01-31.',
  );
}

export function readCount(typed: string): number {
  const count = /^\d{1,4}$/.test(typed) ? Number(typed) : 0;
  if (count >= 1 && count <= 5000) return count;
  throw new InvalidArgumentError('A number of tenants goes from 1 to 5000.');
}

/** Hands what was typed on: the gateway's clock counts, not this one's. */
export function readSince(typed: string): string {
  if (parseSince(typed, Date.now()) !== undefined) return typed;
  throw new InvalidArgumentError(`That is no past time: ${SINCE_HINT}.`);
}

/** `0.1%` or `0.1`: a percentage, finer than that of a flag. */
export function readRate(typed: string): number {
  const percent = Number(/^(\d{1,3}(?:\.\d{1,6})?)\s?%?$/.exec(typed)?.[1] ?? Number.NaN);
  if (percent >= 0 && percent <= 100) return percent;
  throw new InvalidArgumentError('A rate is a percentage from 0 to 100, for example 0.1% or 0.005%.');
}

export function readWholeNumber(least: number, most: number): (typed: string) => number {
  return (typed) => {
    const number = /^\d{1,10}$/.test(typed) ? Number(typed) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most.toLocaleString('en')}.`);
  };
}

const BYTES: Readonly<Record<string, number>> = { '': 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** `512MB`, `2GB`, `1000000` */
export function readBytes(typed: string): number {
  const [, count, unit = ''] = /^(\d{1,12})\s?([KMGT]B)?$/i.exec(typed) ?? [];
  const bytes = Number(count) * (BYTES[unit.toUpperCase()] ?? 0);
  if (bytes > 0) return bytes;
  throw new InvalidArgumentError(
    'A size is a number of bytes, or one with KB, MB, GB or TB, for example 512MB.',
  );
}
