import { type ClientFeaturesResponse, Unleash, UnleashEvents } from 'unleash-client';
import { z } from 'zod';
import type { Emit, FlagName } from '../vocabulary/index.ts';
import type { FlagSet } from './flag-reader.ts';
import { freezeDeep } from './freeze.ts';

export type UnleashSettings = Readonly<{
  /** The server's API, for example `http://unleash:4242/api`. */
  url: string;
  token: string;
  appName: string;
  /** How often it is asked; 15 s without it. */
  refreshMs?: number;
  /** How long the first answer is waited for; 1.5 s without it. */
  startWithinMs?: number;
}>;

export type FlagServiceParts = Readonly<{
  settings: UnleashSettings;
  emit: Emit;
  /** The flags that the table names: losing many of them at once is taken for a fault of the server. */
  listNeeded(): readonly FlagName[];
  onFlags(set: FlagSet): void;
}>;

export type FlagService = Readonly<{ current(): FlagSet; close(): void }>;

const REFRESH_MS = 15_000;
const START_WITHIN_MS = 1_500;
/** Not below 1 s: the library's own retries begin there, and it fails on anything shorter. */
const ANSWER_WITHIN_MS = 2_000;
/** Silence for so many intervals is called stale, and the client is made anew. */
const STALE_INTERVALS = 3;
/** Losing more than this share of the needed flags at once: a wrong project, a wrong token, an emptied database. */
const MOST_LOST = 0.2;

const NO_FLAGS: FlagSet = freezeDeep({ source: 'unleash', definitions: [], segments: [] });

/**
 * Keeps the newest good set of flags that an Unleash server has told. unleash-client asks; what it gets is looked at here before
 * anybody decides by it. Silence, 401, nonsense and an emptied list keep the last good set; without any, every flag is unknown.
 */
export async function openFlagService(parts: FlagServiceParts): Promise<FlagService> {
  const { startWithinMs = START_WITHIN_MS } = parts.settings;
  const service = createService(parts);
  const first = Promise.withResolvers<void>();
  const timer = setTimeout(first.resolve, startWithinMs);
  service.start(first.resolve);
  await first.promise;
  clearTimeout(timer);
  service.settleStart();
  return { current: service.current, close: service.close };
}

type State = 'starting' | 'ready' | 'default' | 'stale';

function createService({ settings, emit, listNeeded, onFlags }: FlagServiceParts) {
  const { refreshMs = REFRESH_MS } = settings;
  let set = NO_FLAGS;
  let state: State = 'starting';
  let trouble = 'the flag service has not answered';
  let isLastRefused = false;
  let isStopped = false;
  let heardAt = performance.now();
  let connectedAt = heardAt;
  let client: Unleash | undefined;
  let onFirst: () => void = () => {};

  const tell = (next: Exclude<State, 'starting'>, detail: string) => {
    state = next;
    emit({ type: 'flags_changed', source: 'unleash', state: next, detail });
  };
  const become = (next: Exclude<State, 'starting'>, detail: string) => {
    if (state !== next) tell(next, detail);
  };
  const complain = (detail: string) => {
    trouble = detail;
    onFirst();
  };
  const hear = () => {
    heardAt = performance.now();
    become('ready', `${set.definitions.length} flags from the flag service`);
    onFirst();
  };
  const take = (response: ClientFeaturesResponse) => {
    const next = readFlagSet(response);
    const refusal = typeof next === 'string' ? next : findLoss(set, next, listNeeded());
    isLastRefused = refusal !== undefined;
    if (typeof next === 'string' || refusal !== undefined) return complain(refusal ?? '');
    const isChanged = JSON.stringify(next) !== JSON.stringify(set);
    set = next;
    if (isChanged) {
      onFlags(set);
      if (state === 'ready') tell('ready', `${set.definitions.length} flags from the flag service`);
    }
    hear();
  };
  const connect = () => {
    closeClient(client);
    connectedAt = performance.now();
    isStopped = false;
    isLastRefused = false;
    const own = openClient(settings, refreshMs, (response) => {
      if (client === own) take(response);
    });
    client = own;
    own.on(UnleashEvents.Unchanged, () => {
      if (!isLastRefused) hear();
    });
    own.on(UnleashEvents.Error, (error: Error) => {
      complain(error.message);
      // After a 401 or 403 the library never asks again.
      if (/ responded 40[13] /.test(error.message)) isStopped = true;
    });
    own.on(UnleashEvents.Warn, (message: unknown) => complain(String(message)));
  };
  const watch = () => {
    const now = performance.now();
    const isStale = now - heardAt > STALE_INTERVALS * refreshMs;
    if (isStale || isStopped || isLastRefused) become(set === NO_FLAGS ? 'default' : 'stale', trouble);
    if (isStopped || (isStale && now - connectedAt > STALE_INTERVALS * refreshMs)) connect();
  };
  let watchdog: NodeJS.Timeout | undefined;
  return {
    current: () => set,
    start(onAnswer: () => void) {
      onFirst = onAnswer;
      connect();
      watchdog = setInterval(watch, refreshMs).unref();
    },
    settleStart() {
      if (state === 'starting') become('default', trouble);
    },
    close() {
      clearInterval(watchdog);
      closeClient(client);
      client = undefined;
    },
  };
}

function openClient(
  { url, token, appName }: UnleashSettings,
  refreshMs: number,
  onResponse: (response: ClientFeaturesResponse) => void,
): Unleash {
  return new Unleash({
    url,
    appName,
    customHeaders: { Authorization: token },
    refreshInterval: refreshMs,
    timeout: ANSWER_WITHIN_MS,
    disableMetrics: true,
    skipInstanceCountWarning: true,
    // In memory only: the library's own backup is a file in the shared temp folder that anybody may have written.
    storageProvider: { get: async () => undefined, set: async (_key, response) => onResponse(response) },
  });
}

/**
 * The library takes all listeners off a client that it destroys, and an error of a request still on its way then has nobody to go
 * to: Node ends the process for that. (unleash-client 6.12.1; the test is "hangs".)
 */
function closeClient(client: Unleash | undefined): void {
  if (!client) return;
  client.destroy();
  // biome-ignore lint/complexity/useLiteralKeys: the brackets are how TypeScript lets us at a private member
  client['repository'].on(UnleashEvents.Error, () => {});
}

const definitionSchema = z.looseObject({
  name: z.string(),
  enabled: z.boolean(),
  strategies: z.array(
    z.looseObject({ name: z.string(), constraints: z.array(z.looseObject({})).optional() }),
  ),
});
const segmentSchema = z.looseObject({ id: z.number(), constraints: z.array(z.looseObject({})) });

/** A frozen copy in a fixed order, or what is wrong with the answer. */
function readFlagSet({ features, segments = [] }: ClientFeaturesResponse): FlagSet | string {
  const bad = features.find((feature) => !definitionSchema.safeParse(feature).success);
  if (bad) return `the flag service sent a malformed flag (${String(bad?.name)})`;
  if (segments.some((segment) => !segmentSchema.safeParse(segment).success))
    return 'the flag service sent a malformed segment';
  const copy = structuredClone({ definitions: features, segments });
  copy.definitions.sort((one, other) => (one.name < other.name ? -1 : 1));
  copy.segments.sort((one, other) => one.id - other.id);
  return freezeDeep({ source: 'unleash', ...copy });
}

function findLoss(last: FlagSet, next: FlagSet, needed: readonly FlagName[]): string | undefined {
  const known = namesOf(last).filter((name) => needed.includes(name as FlagName));
  const kept = namesOf(next);
  const lost = known.filter((name) => !kept.includes(name));
  if (next.definitions.length === 0 && needed.length > 0) return 'the flag service knows no flags';
  if (lost.length === 0 || lost.length <= known.length * MOST_LOST) return undefined;
  return `the flag service has lost ${lost.length} of ${known.length} flags at once (${lost.join(', ')})`;
}

function namesOf({ definitions }: FlagSet): readonly string[] {
  return definitions.map(({ name }) => name);
}
