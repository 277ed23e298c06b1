import { type ClientFeaturesResponse, Strategy } from 'unleash-client';
import { findBucket } from './bucket.ts';
import type { FlagEntry } from './table.ts';

export type FlagDefinition = ClientFeaturesResponse['features'][number];
export type Segment = NonNullable<ClientFeaturesResponse['segments']>[number];

/** The context field that names the tenant, here and in Unleash. */
export const TENANT_FIELD = 'tenantId';

export const ROLLOUT = 'banyanRollout';

type Constraints = NonNullable<NonNullable<FlagDefinition['strategies']>[number]['constraints']>;

/**
 * A flag of the file in Unleash's own words, so that one evaluator serves file and server: listed tenants, then the share of all
 * others, and the exceptions as a constraint on both. Only the rollout is ours: Unleash's has whole percents.
 */
export function defineFlag({ name, percent, tenants, except }: FlagEntry): FlagDefinition {
  const neverExcepted = except.length === 0 ? [] : [constrain('NOT_IN', except)];
  const listed = {
    name: 'default',
    parameters: {},
    constraints: [constrain('IN', tenants), ...neverExcepted],
  };
  const share = {
    name: ROLLOUT,
    parameters: { rollout: String(percent), groupId: name },
    constraints: neverExcepted,
  };
  return {
    name,
    enabled: true,
    type: 'release',
    strategies: [...(tenants.length === 0 ? [] : [listed]), share],
  } as FlagDefinition;
}

function constrain(operator: 'IN' | 'NOT_IN', values: readonly string[]): Constraints[number] {
  return { contextName: TENANT_FIELD, operator, values: [...values], inverted: false } as Constraints[number];
}

type Context = Parameters<Strategy['isEnabled']>[1];

class RolloutStrategy extends Strategy {
  constructor() {
    super(ROLLOUT);
  }

  override isEnabled(
    parameters: Readonly<{ rollout?: string; groupId?: string }>,
    context: Context,
  ): boolean {
    const tenant = context.properties?.[TENANT_FIELD];
    if (typeof tenant !== 'string' || parameters.groupId === undefined) return false;
    return findBucket(parameters.groupId, tenant) < Number(parameters.rollout);
  }
}

export const ROLLOUT_STRATEGY: Strategy = new RolloutStrategy();
