import { EventEmitter } from 'node:events';
import {
  Unleash,
  type UnleashConfig,
  type Context as UnleashContext,
  UnleashEvents,
  type Variant,
} from 'unleash-client';
import { type FlagDefinition, ROLLOUT_STRATEGY, type Segment, TENANT_FIELD } from './flag-definition.ts';
import { type ReadTenant, shortenFlag, shortenSegment } from './long-lists.ts';

/** All flags as they are at one moment. */
export type FlagSet = Readonly<{
  source: 'file' | 'unleash';
  definitions: readonly FlagDefinition[];
  segments: readonly Segment[];
}>;

/** What rules may look at. */
export type FlagContext = Readonly<UnleashContext>;

/** What the rules of a flag come to; with the variant that was chosen, where the flag has any. */
export type Evaluation = Readonly<{
  isOn: boolean;
  variant: Readonly<{ name: string; payload: Variant['payload'] | undefined }> | undefined;
}>;

export type Evaluate = (flag: string, context: FlagContext) => Evaluation;

/**
 * unleash-client over a fixed set of flags; it neither asks a server nor writes a file nor keeps a timer. A flag that the set does not
 * have is off. Throws where the rules cannot be followed. `@unleash/client-specification` holds for it (tests/unleash).
 */
export function openEvaluator(set: FlagSet): Evaluate {
  let tenant: string | undefined;
  const repository = fixRepository(set, () => tenant);
  const unleash = new Unleash({
    appName: 'banyan',
    url: 'http://flags.invalid/',
    instanceId: 'banyan',
    repository,
    strategies: [ROLLOUT_STRATEGY],
    disableAutoStart: true,
    disableMetrics: true,
    skipInstanceCountWarning: true,
  });
  // Without a listener the library prints errors on the console.
  unleash.on(UnleashEvents.Error, () => {});
  repository.emit(UnleashEvents.Ready);
  // Nothing is running that could be stopped, but the library counts its living instances.
  unleash.destroy();
  return (flag, context) => {
    tenant = readTenant(context);
    // One call for both, so that a rule with chance in it cannot answer twice.
    const { feature_enabled: isOn, enabled, name, payload } = unleash.getVariant(flag, context);
    return { isOn: isOn === true, variant: enabled ? { name, payload } : undefined };
  };
}

/** As the library reads a field: its own, else one of the properties. */
function readTenant(context: FlagContext): string | undefined {
  const value: unknown = context[TENANT_FIELD] ?? context.properties?.[TENANT_FIELD];
  return value === undefined || value === null ? undefined : String(value);
}

type Repository = NonNullable<UnleashConfig['repository']>;

function fixRepository({ definitions, segments }: FlagSet, ofWhom: ReadTenant): Repository {
  const byName = new Map(definitions.map((flag) => [flag.name, shortenFlag(flag, ofWhom)]));
  const bySegment = new Map(segments.map((segment) => [segment.id, shortenSegment(segment, ofWhom)]));
  const answers: Omit<Repository, keyof EventEmitter> = {
    getToggle: (name) => byName.get(name),
    getToggles: () => [...definitions],
    getTogglesWithSegmentData: () => [],
    getSegment: (id) => bySegment.get(id),
    start: () => Promise.resolve(),
    stop: () => {},
  };
  return Object.assign(new EventEmitter(), answers);
}
