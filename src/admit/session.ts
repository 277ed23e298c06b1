import {
  type Arrival,
  type Emit,
  type Failure,
  fail,
  isFailure,
  type KnownCaller,
  type SessionBook,
  type SessionRecord,
  type TenantName,
} from '../vocabulary/index.ts';
import { hashSecret } from './api-key.ts';
import type { Clock } from './clock.ts';
import { type Denials, openDenials } from './denials.ts';
import type { Eventual } from './eventual.ts';
import { openProofCache, type ProofCache } from './proof-cache.ts';
import { type AskLegacySession, wordSessionQuestion } from './session-question.ts';
import { openSingleFlight } from './single-flight.ts';
import type { TagSigner } from './tag.ts';
import { tellTrouble } from './trouble.ts';
import { openTurnstile } from './turnstile.ts';

/** A stale or unknown cookie: it counts as no credential. */
export type NoSession = Readonly<{ kind: 'no_session' }>;
const NO_SESSION: NoSession = Object.freeze({ kind: 'no_session' });
export type SessionProof = KnownCaller | Failure | NoSession;

const GOOD_MS = 60_000;
// A key that is unknown now can only become known by a login, and a login hands out a new one: a second is safe, and spares both
// sides a flood of stale cookies.
const UNKNOWN_MS = 1_000;
const MOST_KEPT = 20_000;
// Longer than a poll takes to bring the grave, and than any other instance believes in the session.
const ENDED_HERE_MS = 600_000;
// Graves of the last day are known from the start, for the time when the store cannot be asked.
const FIRST_LOOK_MS = 86_400_000;
const SESSION_SCOPES: readonly string[] = Object.freeze(['read', 'write']);

export type SessionWish = Readonly<{
  sessions: SessionBook | undefined;
  askLegacy: AskLegacySession | undefined;
  signTag: TagSigner;
  emit: Emit;
  clock: Clock;
  /** So many unknown sessions of one tenant are looked into at once: a cookie costs nothing to make up, but each asks both sides. */
  questionsAtOnce: number;
}>;

export type Sessions = Readonly<{
  check(arrival: Arrival, tenant: TenantName, sessionKey: string): Eventual<SessionProof>;
  isKnown(tenant: TenantName, sessionKey: string): boolean;
  /** Dead here at once; resolves when its grave is kept, which every instance sees within 2 s. */
  end(tenant: TenantName, sessionKey: string): Promise<void>;
  close(): void;
}>;

type State = SessionWish &
  Readonly<{ graves: Denials | undefined; kept: ProofCache<SessionProof>; ended: ProofCache<NoSession> }>;

/** Whose session is this? The graves are asked first, then the cache, the new store, and last legacy, once for all who wait. */
export function openSessions(wish: SessionWish): Sessions {
  const state: State = {
    ...wish,
    graves: wish.sessions && watchGraves(wish.sessions, wish),
    kept: openProofCache(MOST_KEPT, wish.clock),
    ended: openProofCache(MOST_KEPT, wish.clock),
  };
  const share = openSingleFlight<SessionProof>();
  const turnstile = openTurnstile(wish.questionsAtOnce);
  const lookInto = async (arrival: Arrival, tenant: TenantName, sessionKey: string) => {
    const proof = await turnstile(tenant, () => resolve(state, arrival, tenant, sessionKey));
    return proof === 'full' ? fail('tenant_busy', { retryAfterS: 1 }) : proof;
  };
  return Object.freeze({
    check: (arrival: Arrival, tenant: TenantName, sessionKey: string) => {
      const id = nameSession(tenant, sessionKey);
      if (isDead(state, id)) return NO_SESSION;
      return state.kept.get(id) ?? share(id, () => lookInto(arrival, tenant, sessionKey));
    },
    isKnown: (tenant: TenantName, sessionKey: string) =>
      state.kept.get(nameSession(tenant, sessionKey))?.kind === 'known',
    end: async (tenant: TenantName, sessionKey: string) => {
      const id = nameSession(tenant, sessionKey);
      state.ended.keep(id, NO_SESSION, { freshMs: ENDED_HERE_MS });
      state.kept.forget(id);
      await state.sessions?.end(tenant, sessionKey);
    },
    close: () => state.graves?.close(),
  });
}

const HASH_LENGTH = 64;

// The hash stands first, so that a grave, which names no tenant, can be looked up by it.
function nameSession(tenant: TenantName, sessionKey: string): string {
  return `${hashSecret(sessionKey)}:${tenant}`;
}

function isDead({ ended, graves }: State, id: string): boolean {
  return ended.get(id) !== undefined || graves?.has(id.slice(0, HASH_LENGTH)) === true;
}

function watchGraves(sessions: SessionBook, { clock, emit }: SessionWish): Denials {
  const source = {
    deniedSince: (since: Date) => sessions.endedSince(since),
    where: 'admit: ended sessions',
    firstLookMs: FIRST_LOOK_MS,
  };
  return openDenials(source, clock, emit);
}

async function resolve(
  state: State,
  arrival: Arrival,
  tenant: TenantName,
  sessionKey: string,
): Promise<SessionProof> {
  const id = nameSession(tenant, sessionKey);
  const found = await findRecord(state, arrival, tenant, sessionKey);
  // Ended while we were asking: the answer may be older than the grave.
  if (isDead(state, id)) return NO_SESSION;
  if (found !== undefined && isFailure(found)) return found;
  const expiresAtMs = found?.expiresAt.getTime() ?? 0;
  if (found === undefined || !(expiresAtMs > state.clock.wallMs())) {
    state.kept.keep(id, NO_SESSION, { freshMs: UNKNOWN_MS });
    return NO_SESSION;
  }
  const caller = Object.freeze({
    kind: 'known',
    tenant,
    user: found.user,
    scopes: SESSION_SCOPES,
    by: 'session',
    credentialId: `session_${id.slice(0, 12)}`,
  } satisfies KnownCaller);
  state.kept.keep(id, caller, { freshMs: GOOD_MS, expiresAtMs });
  return caller;
}

// A store that cannot be asked must not lock out those whose session legacy holds: legacy's word counts for them. Legacy's "unknown"
// does not, then: the session may be one of the new side's.
async function findRecord(
  state: State,
  arrival: Arrival,
  tenant: TenantName,
  sessionKey: string,
): Promise<SessionRecord | Failure | undefined> {
  let trouble: Failure | undefined;
  try {
    if ((await state.sessions?.isEnded(tenant, sessionKey)) === true) return undefined;
    const own = await state.sessions?.find(tenant, sessionKey);
    if (own !== undefined) return own;
  } catch (error) {
    trouble = tellTrouble(error, 'admit: sessions', state.emit);
  }
  const theirs = await askLegacy(state, arrival, tenant, sessionKey);
  return theirs ?? trouble;
}

async function askLegacy(
  { askLegacy: ask, signTag }: State,
  arrival: Arrival,
  tenant: TenantName,
  sessionKey: string,
): Promise<SessionRecord | Failure | undefined> {
  if (ask === undefined) return undefined;
  try {
    return await ask(wordSessionQuestion(arrival, tenant, sessionKey, signTag));
  } catch {
    return fail('legacy_unreachable', { retryAfterS: 1 });
  }
}
