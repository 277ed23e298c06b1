import { type FlagDefinition, ROLLOUT, type Segment, TENANT_FIELD } from './flag-definition.ts';

// What a flag's rules look at. One that looks at the tenant alone says the same of a tenant for as long as its set is in force, whoever
// asks and whenever: it need not be asked again.

type Rules = NonNullable<FlagDefinition['strategies']>[number];
type Constraint = Segment['constraints'][number];
type Variants = FlagDefinition['variants'];

/** Fields that are the same for all requests of a tenant; the session stands in for it (see the flag reader). */
const STEADY_FIELDS: readonly unknown[] = [TENANT_FIELD, 'sessionId', 'appName', 'environment'];

/** The names of all flags that look at the tenant alone. What is not understood is not among them. */
export function listTenantFlags(
  definitions: readonly FlagDefinition[],
  segments: readonly Segment[],
): ReadonlySet<string> {
  const bySegment = new Map(segments.map((segment) => [segment.id, segment]));
  const isSteady = ({ strategies = [], variants }: FlagDefinition) =>
    strategies.every((rules) => areSteady(rules, bySegment)) && areSteadyVariants(variants, undefined);
  const steady = new Set(definitions.filter(isSteady).map(({ name }) => name));
  // A parent's own parents are never asked: it is off then.
  const isOwn = ({ dependencies = [] }: FlagDefinition) =>
    dependencies.every(({ feature }) => steady.has(feature));
  return new Set(definitions.filter((flag) => steady.has(flag.name) && isOwn(flag)).map(({ name }) => name));
}

function areSteady(rules: Rules, bySegment: ReadonlyMap<number, Segment>): boolean {
  const { name, parameters, constraints = [], segments = [], variants } = rules;
  const sticksTo = parameters?.stickiness;
  const isKnown = name === 'default' || name === ROLLOUT;
  const isRollout = name === 'flexibleRollout' && STEADY_FIELDS.includes(sticksTo);
  const all = [...constraints, ...segments.flatMap((id) => bySegment.get(id)?.constraints ?? [])];
  return (isKnown || isRollout) && all.every(isSteadyConstraint) && areSteadyVariants(variants, sticksTo);
}

/** Dates are compared with the clock, whatever field they name. */
function isSteadyConstraint({ contextName, operator }: Constraint): boolean {
  return STEADY_FIELDS.includes(contextName) && !String(operator).startsWith('DATE_');
}

function areSteadyVariants(variants: Variants, sticksTo: unknown): boolean {
  return (variants ?? []).every(
    ({ stickiness, overrides }) => STEADY_FIELDS.includes(stickiness || sticksTo) && !overrides?.length,
  );
}
