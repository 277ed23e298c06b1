import { LRUCache } from 'lru-cache';
import type { Emit, FlagName, TenantName, UserId } from '../vocabulary/index.ts';
import { defineFlag, TENANT_FIELD } from './flag-definition.ts';
import { type Evaluate, type Evaluation, type FlagSet, openEvaluator } from './flag-evaluator.ts';
import type { FlagEntry } from './table.ts';

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
/** Rules of a server may look at the clock or at the user; the file's look at the tenant alone. */
const SERVER_READING_TTL_MS = 5_000;

/** Reads flags out of a fixed set, each tenant's once in a while. What cannot be read is told once for each flag. */
export function createFlagReader(set: FlagSet, emit: Emit): ReadFlag {
  const known = new Set<string>(set.definitions.map(({ name }) => name));
  const evaluate = openEvaluator(set);
  const ttl = set.source === 'unleash' ? SERVER_READING_TTL_MS : 0;
  const readings = new LRUCache<string, FlagReading>({ max: MOST_READINGS, ttl });
  const failed = new Set<FlagName>();
  return (flag, tenant, user) => {
    if (!known.has(flag)) return 'unknown';
    const key = set.source === 'file' ? `${flag} ${tenant}` : `${flag} ${tenant} ${user}`;
    const cached = readings.get(key);
    if (cached) return cached;
    const reading = readOnce(evaluate, flag, tenant, user, (detail) => {
      if (!failed.has(flag)) emit({ type: 'flag_read_failed', flag, detail });
      failed.add(flag);
    });
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
