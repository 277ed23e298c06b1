import { type FlagDefinition, type Segment, TENANT_FIELD } from './flag-definition.ts';

type Constraint = Segment['constraints'][number];

/** unleash-client copies and trims a list each time before it looks through it: 33 µs for 4,000 tenants. Short ones may stay as they are. */
const LONG = 16;

/** Who is asked for at the moment. */
export type ReadTenant = () => string | undefined;

/** The same flag, which is asked as fast with a list of 4,000 tenants as with one of four. */
export function shortenFlag(flag: FlagDefinition, readTenant: ReadTenant): FlagDefinition {
  const { strategies } = flag;
  if (strategies === undefined) return flag;
  return {
    ...flag,
    strategies: strategies.map((rules) =>
      rules.constraints === undefined
        ? rules
        : { ...rules, constraints: rules.constraints.map((one) => shorten(one, readTenant)) },
    ),
  };
}

export function shortenSegment(segment: Segment, readTenant: ReadTenant): Segment {
  return { ...segment, constraints: segment.constraints.map((one) => shorten(one, readTenant)) };
}

/** Of the list's names only the one that is asked for can matter, so the library is shown no other. It trims them, and skips empty ones. */
function shorten(constraint: Constraint, readTenant: ReadTenant): Constraint {
  const { contextName, operator, values } = constraint;
  const isList = operator === ('IN' as typeof operator) || operator === ('NOT_IN' as typeof operator);
  if (!isList || contextName !== TENANT_FIELD || !isLong(values)) return constraint;
  const names = new Map(values.filter((value) => value !== '').map((value) => [value.trim(), value]));
  return {
    ...constraint,
    get values() {
      const tenant = readTenant();
      const name = tenant === undefined ? undefined : names.get(tenant);
      return name === undefined ? [] : [name];
    },
  };
}

/** What a server told may hold anything: only a list of names is made shorter. */
function isLong(values: unknown): values is readonly string[] {
  return Array.isArray(values) && values.length >= LONG && values.every((value) => typeof value === 'string');
}
