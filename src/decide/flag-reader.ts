import { LRUCache } from 'lru-cache';
import type { Emit, FlagName, TenantName, UserId } from '../vocabulary/index.ts';
import { defineFlag, TENANT_FIELD } from './flag-definition.ts';
import { type Evaluate, type Evaluation, type FlagSet, openEvaluator } from './flag-evaluator.ts';
import { listTenantFlags } from './flag-scope.ts';
import type { FlagEntry } from './table.ts';
import { TenantReadings } from './tenant-readings.ts';

/**
 * What a flag says of a tenant. `shadow`: its variant of this name was chosen. `unknown`: no such flag, or it could not be read; the
 * caller takes the safe side.
 */
export type FlagReading = 'on' | 'shadow' | 'off' | 'unknown';

export function defineFlags(flags: readonly FlagEntry[]): FlagSet {
  return { source: 'file', definitions: flags.map(defineFlag), segments: [] };
}

export type ReadFlag = (flag: FlagName, tenant: TenantName, user: UserId | undefined) => FlagReading;

const MOST_READINGS = 20_000;
/** Rules of a server may look at the clock, at the user, or throw dice. */
const READING_TTL_MS = 5_000;

/** Reads flags out of a fixed set, each tenant's once in a while. What cannot be read is told once for each flag. */
export function createFlagReader(set: FlagSet, emit: Emit): ReadFlag {
  const known = new Set<string>(set.definitions.map(({ name }) => name));
  const ofTenant = listTenantFlags(set.definitions, set.segments);
  const readings = new TenantReadings();
  const evaluate = openEvaluator(set);
  const failed = new Set<FlagName>();
  const read: ReadFlag = (flag, tenant, user) =>
    readOnce(evaluate, flag, tenant, user, (detail) => {
      if (!failed.has(flag)) emit({ type: 'flag_read_failed', flag, detail });
      failed.add(flag);
    });
  const readBriefly = keepBriefly(read);
  return (flag, tenant, user) => {
    const kept = readings.get(flag, tenant);
    if (kept !== undefined) return kept;
    if (!known.has(flag)) return 'unknown';
    if (!ofTenant.has(flag)) return readBriefly(flag, tenant, user);
    const reading = read(flag, tenant, user);
    readings.keep(flag, tenant, reading);
    return reading;
  };
}

/** What may be otherwise for another user, or a little later. */
function keepBriefly(read: ReadFlag): ReadFlag {
  let readings: LRUCache<string, FlagReading> | undefined;
  return (flag, tenant, user) => {
    // Not before it is needed: it takes 2 ms to be made, and most sets never need it.
    readings ??= new LRUCache({ max: MOST_READINGS, ttl: READING_TTL_MS });
    const key = `${flag} ${tenant} ${user}`;
    const kept = readings.get(key);
    if (kept !== undefined) return kept;
    const reading = read(flag, tenant, user);
    readings.set(key, reading);
    return reading;
  };
}

function readOnce(
  evaluate: Evaluate,
  flag: FlagName,
  tenant: TenantName,
  user: UserId | undefined,
  complain: (detail: string) => void,
): FlagReading {
  try {
    return nameReading(evaluate(flag, describeContext(tenant, user)));
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return 'unknown';
  }
}

function describeContext(tenant: TenantName, user: UserId | undefined) {
  // The session stands in for an anonymous user, so that a rule with default stickiness sticks at least to the tenant.
  const context = { sessionId: tenant, properties: { [TENANT_FIELD]: tenant } };
  return user === undefined ? context : { ...context, userId: String(user) };
}

/** A variant names the stage that the tenant is at. A name that is none must not let the new side answer by a typing error. */
function nameReading({ isOn, variant }: Evaluation): FlagReading {
  const stage = variant?.name ?? 'new';
  if (!isOn || stage === 'legacy') return 'off';
  if (stage === 'new') return 'on';
  if (stage === 'shadow') return 'shadow';
  throw new Error(`expected a variant legacy, shadow or new, found "${stage}"`);
}
