// How each room is built from the settings, and what it is handed of the others. Only the house itself does this.
import { availableParallelism } from 'node:os';
import type { PortWish } from './accept/index.ts';
import { type Admit, type JwtRules, openAdmit, parseTagKeys } from './admit/index.ts';
import { type Decide, openDecide } from './decide/index.ts';
import { type Defend, openDefend } from './defend/index.ts';
import { type Forward, openForward } from './forward/index.ts';
import { type Handle, openHandle, openHttpEngine, openLocalEngine } from './handle/index.ts';
import { type Mirror, openMirror, type StartRehearsals, startProcess } from './mirror/index.ts';
import { type Instance, openInstance } from './move/index.ts';
import { type LineSink, type Observe, watchParts } from './observe/index.ts';
import type { Settings } from './settings.ts';
import type { ShadowWish } from './shadow.ts';
import { openStore, type Store } from './store/index.ts';
import { type Asked, fail } from './vocabulary/index.ts';

// The local engine speaks at a pace at which one sees that it streams.
const LOCAL_ENGINE_WORD_MS = 5;
// A rehearsal process tells five times a second that it is alive.
const SILENCE_MS = 5_000;

export type HouseWish = Readonly<{
  settings: Settings & Readonly<{ WORKERS: number }>;
  databaseUrl: string;
  legacyUrl: string;
  /** The monolith's database, whose rows the new store follows where FOLLOW_SLOT is set. */
  legacyDatabaseUrl?: string | undefined;
  /** How rehearsals are started; a process of their own, unless a test or a drill says otherwise. */
  startRehearsals?: (wish: ShadowWish) => StartRehearsals;
  adminToken: string;
  tagKeys: string;
  /** `byn_demo_<tenant>` opens the door with the embedded store only. */
  demoKeys: 'accepted' | 'refused';
  sink: LineSink;
  /** Where further processes write their log; standard output without it. */
  logFile?: string | undefined;
  /** `beside`: another Banyan has the ports and goes on, until it is told to stop. */
  sharing?: PortWish['sharing'];
}>;

/** What is kept of the side that rests: by this process itself, or by the workers that it hears of. */
export type Rest = Pick<Defend, 'newSide' | 'breakers' | 'knowFeatures'>;

export type Rooms<R extends Rest> = Readonly<{
  store: Store;
  forward: Forward;
  admit: Admit;
  handle: Handle;
  rest: R;
  decide: Decide;
  instance: Instance;
  mirror: Mirror;
}>;

/** Opens the rooms in the order in which they need one another; what is open is put into `closers`. */
export async function openRooms<R extends Rest>(
  wish: HouseWish,
  observe: Observe,
  closers: (() => unknown)[],
  openRest: () => R,
): Promise<Rooms<R>> {
  const { settings } = wish;
  const store = await openStore({
    url: wish.databaseUrl,
    emit: observe.emit,
    poolSize: Math.max(2, Math.floor(settings.DATABASE_POOL_SIZE / settings.WORKERS)),
    onUnscoped: 'count',
  });
  closers.push(store.close);
  const forward = openForward({
    legacyUrl: wish.legacyUrl,
    maxBodyBytes: settings.MAX_BODY_BYTES,
    // The bulkheads are what keeps one feature from taking all of them.
    connections: settings.MAX_CONNECTIONS,
  });
  closers.push(forward.close);
  const admit = openAdmitRoom(wish, observe, store, forward);
  closers.push(admit.close);
  const handle = openHandleRoom(settings, observe, store);
  closers.push(handle.close);
  await store.tenants.list();
  const rest = openRest();
  const instance = await openInstance({
    tenures: store.tenures,
    idOf: store.tenants.idOf,
    onWaiting: (count) => observe.emit({ type: 'writes_waiting', count }),
  });
  closers.push(instance.close);
  const decide = await openDecideRoom(settings, observe, { handle, store, rest, instance });
  closers.push(decide.close);
  closers.push(watchParts({ store, forward, emit: observe.emit }));
  const mirror = openMirrorRoom(wish, observe, admit, forward);
  closers.push(mirror.close);
  return { store, forward, admit, handle, rest, decide, instance, mirror };
}

/** Undefined where no JWT is accepted. */
export function readJwtRules(settings: Settings): JwtRules | undefined {
  const { JWT_ISSUER, JWT_AUDIENCE, JWT_ALGORITHMS, JWT_JWKS_URL, JWT_PUBLIC_KEY } = settings;
  if (JWT_ISSUER === undefined) return undefined;
  const trust: JwtRules['trust'] =
    JWT_JWKS_URL === undefined
      ? { kind: 'public_key', pem: JWT_PUBLIC_KEY ?? '' }
      : { kind: 'jwks', url: JWT_JWKS_URL };
  return { issuer: JWT_ISSUER, audience: JWT_AUDIENCE ?? '', algorithms: JWT_ALGORITHMS, trust };
}

export function openAdmitRoom(wish: HouseWish, { emit }: Observe, store: Store, forward: Forward): Admit {
  return openAdmit({
    tagKeys: parseTagKeys(wish.tagKeys),
    tagBinding: wish.settings.TAG_BINDING,
    emit,
    keys: store.keys,
    sessions: store.sessions,
    askLegacySession: forward.askSession,
    jwt: readJwtRules(wish.settings),
    demoKeys: wish.demoKeys,
    isTenant: async (name) => (await store.tenants.find(name)) !== undefined,
    trustedProxies: wish.settings.TRUSTED_PROXIES,
    questionsAtOnce: wish.settings.TENANT_MAX_IN_FLIGHT,
  });
}

export function openHandleRoom(settings: Settings, { emit }: Observe, store: Store) {
  const { AI_BASE_URL, AI_API_KEY, MAX_BODY_BYTES, LEGACY_SECRET_KEY } = settings;
  const ai =
    AI_BASE_URL === undefined
      ? openLocalEngine({ wordMs: LOCAL_ENGINE_WORD_MS })
      : openHttpEngine({ baseUrl: AI_BASE_URL, apiKey: AI_API_KEY });
  return openHandle({
    store,
    ai,
    emit,
    endSession: store.sessions.end,
    largestFileBytes: MAX_BODY_BYTES,
    ...(LEGACY_SECRET_KEY !== undefined && { secretKey: LEGACY_SECRET_KEY }),
  });
}

/** A side is judged by its last answers, and not before there were a few. */
const BREAKER = { lastAnswers: 20, fewestAnswers: 5 } as const;

export function openDefendRoom(settings: Settings, { emit }: Observe): Defend {
  const failedShare = settings.BREAKER_FAILED_PERCENT / 100;
  return openDefend({
    emit,
    limits: {
      tenant: settings.TENANT_MAX_IN_FLIGHT,
      streams: settings.TENANT_MAX_STREAMS,
      feature: settings.FEATURE_MAX_IN_FLIGHT,
      instead: settings.FALLBACK_MAX_IN_FLIGHT,
    },
    breaker: {
      legacy: { ...BREAKER, failedShare, restMs: settings.LEGACY_REST_MS },
      new: { ...BREAKER, failedShare, restMs: settings.NEW_REST_MS },
    },
    shedLagMs: settings.SHED_LAG_MS,
    profileFolder: settings.PROFILE_DIR,
  });
}

export function openDecideRoom(
  settings: Settings,
  { emit }: Observe,
  {
    handle,
    store,
    rest,
    instance,
  }: Readonly<{ handle: Handle; store: Store; rest: Rest; instance: Instance }>,
): Promise<Decide> {
  const { UNLEASH_URL, UNLEASH_API_TOKEN, UNLEASH_REFRESH_MS } = settings;
  const unleash =
    UNLEASH_URL === undefined
      ? undefined
      : {
          url: UNLEASH_URL,
          token: UNLEASH_API_TOKEN ?? '',
          appName: 'banyan',
          refreshMs: UNLEASH_REFRESH_MS,
        };
  return openDecide({
    file: settings.BANYAN_CONFIG,
    handlers: handle.names,
    emit,
    unleash,
    isTenant: store.tenants.knows,
    newSide: rest.newSide,
    onFeatures: rest.knowFeatures,
    ownerOf: instance.gate.ownerOf,
  });
}

export function openMirrorRoom(wish: HouseWish, { emit }: Observe, admit: Admit, forward: Forward): Mirror {
  const { settings, startRehearsals = startShadow(settings) } = wish;
  const mirror = openMirror({
    emit,
    start: startRehearsals(describeShadow(wish)),
    askLegacy: ({ arrival, caller }: Asked) => {
      const identity = admit.identity(arrival, caller, 'legacy');
      return isSafe(arrival.method)
        ? forward.askAgain({
            arrival,
            identity,
            timeoutMs: settings.MIRROR_TIMEOUT_MS,
            mostBytes: settings.MIRROR_BODY_BYTES,
          })
        : Promise.resolve(fail('method_refused'));
    },
    limits: {
      bodyBytes: settings.MIRROR_BODY_BYTES,
      memoryBytes: settings.MIRROR_MEMORY_BYTES,
      queue: settings.MIRROR_QUEUE,
      atOnce: chooseRehearsals(settings),
      cores: chooseCores(settings),
      lagMs: settings.MIRROR_LAG_MS,
      silenceMs: SILENCE_MS,
    },
  });
  return mirror;
}

const isSafe = (method: string) => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

/** Each rehearsal keeps the database busy, too, which knows no lower priority: users must find a core free. */
function chooseRehearsals({ MIRROR_POOL_SIZE }: Settings): number {
  return MIRROR_POOL_SIZE ?? Math.min(5, Math.max(2, availableParallelism() - 1));
}

/** Less than that is not felt where users, legacy and PostgreSQL share two cores; see docs/shadow.md. Each worker has a part of it. */
function chooseCores({ MIRROR_CPU_PERCENT, WORKERS }: HouseWish['settings']): number {
  const percent = MIRROR_CPU_PERCENT ?? 10 + 50 * Math.max(0, availableParallelism() - 2);
  return percent / 100 / WORKERS;
}

function startShadow({ MIRROR_HEAP_MB }: Settings): (wish: ShadowWish) => StartRehearsals {
  const module = new URL(import.meta.url.endsWith('.ts') ? './shadow.ts' : './shadow.js', import.meta.url);
  return (first) => startProcess({ module, first, heapMb: MIRROR_HEAP_MB });
}

function describeShadow({ settings, databaseUrl, legacyDatabaseUrl }: HouseWish): ShadowWish {
  const { AI_BASE_URL, AI_API_KEY, FOLLOW_SLOT, FOLLOW_HELD_MB, MIRROR_KEY } = settings;
  return {
    databaseUrl,
    poolSize: chooseRehearsals(settings),
    legacy:
      FOLLOW_SLOT !== undefined && legacyDatabaseUrl !== undefined
        ? { databaseUrl: legacyDatabaseUrl, slot: FOLLOW_SLOT, heldBytes: FOLLOW_HELD_MB * 1_048_576 }
        : undefined,
    ai: AI_BASE_URL === undefined ? undefined : { baseUrl: AI_BASE_URL, apiKey: AI_API_KEY },
    largestFileBytes: settings.MAX_BODY_BYTES,
    secretKey: settings.LEGACY_SECRET_KEY,
    key: MIRROR_KEY,
    timeoutMs: settings.MIRROR_TIMEOUT_MS,
    bodyBytes: settings.MIRROR_BODY_BYTES,
    days: settings.MIRROR_DAYS,
  };
}
