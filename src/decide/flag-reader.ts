import { EventEmitter } from 'node:events';
import { LRUCache } from 'lru-cache';
import { Unleash, type UnleashConfig, UnleashEvents } from 'unleash-client';
import type { Emit, FlagName, TenantName, UserId } from '../vocabulary/index.ts';
import {
  defineFlag,
  type FlagDefinition,
  ROLLOUT_STRATEGY,
  type Segment,
  TENANT_FIELD,
} from './flag-definition.ts';
import type { FlagEntry } from './table.ts';

/** What a flag says of a tenant. `unknown`: no such flag, or it could not be read; the caller takes the safe side. */
export type FlagReading = 'on' | 'off' | 'unknown';

/** All flags as they are at one moment. */
export type FlagSet = Readonly<{
  source: 'file' | 'unleash';
  definitions: readonly FlagDefinition[];
  segments: readonly Segment[];
}>;

export function defineFlags(flags: readonly FlagEntry[]): FlagSet {
  return { source: 'file', definitions: flags.map(defineFlag), segments: [] };
}

export type ReadFlag = (flag: FlagName, tenant: TenantName, user: UserId | undefined) => FlagReading;

const MOST_READINGS = 20_000;
/** Rules of a server may look at the clock or at the user; the file's look at the tenant alone. */
const SERVER_READING_TTL_MS = 5_000;

/** The evaluator: unleash-client over a fixed set of flags; it neither asks a server nor writes a file nor keeps a timer. */
export function createFlagReader(set: FlagSet, emit: Emit): ReadFlag {
  const known = new Set<string>(set.definitions.map(({ name }) => name));
  const isEnabled = openEvaluator(set);
  const ttl = set.source === 'unleash' ? SERVER_READING_TTL_MS : 0;
  const readings = new LRUCache<string, FlagReading>({ max: MOST_READINGS, ttl });
  const failed = new Set<FlagName>();
  return (flag, tenant, user) => {
    if (!known.has(flag)) return 'unknown';
    const key = set.source === 'file' ? `${flag} ${tenant}` : `${flag} ${tenant} ${user}`;
    const cached = readings.get(key);
    if (cached) return cached;
    const reading = readOnce(
      () => isEnabled(flag, tenant, user),
      (detail) => {
        if (!failed.has(flag)) emit({ type: 'flag_read_failed', flag, detail });
        failed.add(flag);
      },
    );
    readings.set(key, reading);
    return reading;
  };
}

function readOnce(isEnabled: () => boolean, complain: (detail: string) => void): FlagReading {
  try {
    return isEnabled() ? 'on' : 'off';
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return 'unknown';
  }
}

function openEvaluator(set: FlagSet) {
  const repository = fixRepository(set);
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
  return (flag: FlagName, tenant: TenantName, user: UserId | undefined): boolean => {
    // The session stands in for an anonymous user, so that a rule with default stickiness sticks at least to the tenant.
    const context = { sessionId: tenant, properties: { [TENANT_FIELD]: tenant } };
    return unleash.isEnabled(flag, user === undefined ? context : { ...context, userId: String(user) });
  };
}

type Repository = NonNullable<UnleashConfig['repository']>;

function fixRepository({ definitions, segments }: FlagSet): Repository {
  const byName = new Map(definitions.map((definition) => [definition.name, definition]));
  const bySegment = new Map(segments.map((segment) => [segment.id, segment]));
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
