import type { FlagName, TenantName } from '../vocabulary/index.ts';
import { findBucket } from './bucket.ts';
import { TENANT_FIELD } from './flag-definition.ts';
import type { FlagReading } from './flag-reader.ts';
import type { Snapshot } from './snapshot.ts';
import type { FlagEntry } from './table.ts';

/** Which rule of a flag settled it: a list of the file, its percentage, or the rules of the flag service. */
export type FlagRule = 'list' | 'except' | 'percent' | 'service';

/** What a flag says of a tenant, and why. */
export type FlagStory = Readonly<{
  name: FlagName;
  /** False at stages that do not ask it. */
  isAsked: boolean;
  on: boolean | undefined;
  rule: FlagRule | undefined;
  /** The flag's percentage, where the file says it. */
  percent: number | undefined;
  /** The tenant's place in the flag's rollout, 0.00 to 99.99: on where the percentage is greater. */
  bucket: number | undefined;
  why: string;
}>;

type Facts = Pick<FlagStory, 'isAsked' | 'on'> & Readonly<{ reading: FlagReading | undefined }>;

export function tellFlag(
  snapshot: Snapshot,
  name: FlagName,
  tenant: TenantName | undefined,
  { isAsked, on, reading }: Facts,
): FlagStory {
  const base = { name, isAsked, on, rule: undefined, percent: undefined, bucket: undefined };
  if (tenant === undefined)
    return { ...base, why: `Flag ${name} is asked per tenant, and the request has none.` };
  if (snapshot.flagSource === 'unleash') return tellServiceFlag(snapshot, base, tenant, reading);
  const entry = snapshot.flags.find((flag) => flag.name === name);
  if (!entry) return { ...base, why: `The table has no flag ${name}.` };
  const bucket = findBucket(name, tenant);
  const rule = findRule(entry, tenant);
  return { ...base, rule, percent: entry.percent, bucket, why: tellRule(entry, rule, tenant, bucket) };
}

function findRule({ tenants, except }: FlagEntry, tenant: TenantName): FlagRule {
  if (except.includes(tenant)) return 'except';
  return tenants.includes(tenant) ? 'list' : 'percent';
}

function tellRule({ name, percent }: FlagEntry, rule: FlagRule, tenant: TenantName, bucket: number): string {
  if (rule === 'except') return `Flag ${name} is off for ${tenant}: it stands in except.`;
  if (rule === 'list') return `Flag ${name} is on for ${tenant}: it stands in tenants.`;
  return bucket < percent
    ? `Flag ${name} is on for ${tenant}: its bucket ${showBucket(bucket)} is below ${percent} %.`
    : `Flag ${name} is off for ${tenant}: its bucket ${showBucket(bucket)} is not below ${percent} %.`;
}

export function showBucket(bucket: number): string {
  return bucket.toFixed(2);
}

function tellServiceFlag(
  { flagSet }: Snapshot,
  base: Omit<FlagStory, 'why'>,
  tenant: TenantName,
  reading: FlagReading | undefined,
): FlagStory {
  const { name } = base;
  const definition = flagSet.definitions.find((flag) => flag.name === name);
  if (!definition) return { ...base, why: `The flag service has told nothing of flag ${name}.` };
  const rollout = definition.strategies?.find(
    (strategy) => strategy.name === 'flexibleRollout' && strategy.parameters?.stickiness === TENANT_FIELD,
  );
  const bucket = rollout && Math.floor(findBucket(String(rollout.parameters?.groupId || name), tenant));
  const why =
    reading === 'unknown'
      ? `Flag ${name} could not be read for ${tenant}.`
      : `Flag ${name} ${reading === 'shadow' ? 'says' : 'is'} ${reading} for ${tenant}, by the rules of the flag service.`;
  return { ...base, rule: reading === 'unknown' ? undefined : 'service', bucket, why };
}
