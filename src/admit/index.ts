// Who is calling, and may they come in. `receive` refuses what is malformed or can be read in two ways and strips every claim of identity;
// `identify` turns credentials into a Caller, checked once and cached; `identity` says it on, signed, to either side.
// No secret leaves this room: not in an event, not in a failure, and in no cache but as a hash, save for what a connection itself has said last,
// which is kept until it says something else or closes.
// Every failure of `receive` means: answer, then close the connection, for its framing cannot be trusted any more.
import type {
  AdmitPolicy,
  Arrival,
  Caller,
  Emit,
  Failure,
  Identity,
  IncomingRequest,
  KeyBook,
  RequestId,
  SessionBook,
  Side,
  TenantName,
} from '../vocabulary/index.ts';
import { openCallerTags } from './caller-tags.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Eventual } from './eventual.ts';
import { identify, type Witnesses } from './identify.ts';
import { writeIdentity } from './identity-headers.ts';
import { openTokens } from './jwt.ts';
import type { JwtRules } from './jwt-rules.ts';
import { openKeyRing } from './key-ring.ts';
import { readTrustedProxies } from './peer.ts';
import { type DoorRules, receive } from './receive.ts';
import { takeRequestId } from './request-id.ts';
import { openSessions } from './session.ts';
import { openSessionEnd } from './session-end.ts';
import type { AskLegacySession } from './session-question.ts';
import { describeRequest, openTagSigner, type TagBinding } from './tag.ts';
import type { PublicTagKey, TagKeys } from './tag-keys.ts';

export { createApiKey, type KeyWish, KeyWishRefusal } from './api-key.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  checkJwtRules,
  JWT_ALGORITHMS,
  type JwtAlgorithm,
  type JwtRules,
  JwtRulesRefusal,
  readStaticKey,
} from './jwt-rules.ts';
export { readTrustedProxies } from './peer.ts';
export type { DoorRules } from './receive.ts';
export { takeRequestId } from './request-id.ts';
export type { AskLegacySession, SessionQuestion } from './session-question.ts';
export { TAG_BINDINGS, type TagBinding } from './tag.ts';
export {
  createTagKeys,
  createTagKeysText,
  type PublicTagKey,
  parseTagKeys,
  type TagKeys,
  TagKeysRefusal,
} from './tag-keys.ts';
export { wantsWebSocket } from './websocket.ts';

export type AdmitWish = Readonly<{
  tagKeys: TagKeys;
  emit: Emit;
  /** API keys; without it only demo keys can be good. */
  keys?: KeyBook | undefined;
  sessions?: SessionBook | undefined;
  askLegacySession?: AskLegacySession | undefined;
  /** Without rules no JWT is accepted. */
  jwt?: JwtRules | undefined;
  /** `byn_demo_<tenant>`: accepted with the embedded store only. */
  demoKeys: 'accepted' | 'refused';
  isTenant: (name: TenantName) => Eventual<boolean>;
  /** Addresses and networks in front of us whose `X-Forwarded-For` and `-Proto` are believed; nobody's by default. */
  trustedProxies?: readonly string[] | undefined;
  clock?: Clock | undefined;
  /** What a tag is good for: one request, which it is without this, or all that one caller sends in a while. */
  tagBinding?: TagBinding | undefined;
  /** Unknown sessions of one tenant that are looked into at once; 100 without it. */
  questionsAtOnce?: number | undefined;
}>;

const QUESTIONS_AT_ONCE = 100;

export type Admit = Readonly<{
  receive(req: IncomingRequest, rules: DoorRules): Arrival | Failure;
  /** At once where every credential is cached. */
  identify(arrival: Arrival, policy: AdmitPolicy): Eventual<Caller | Failure>;
  /** With a tag for that side. */
  identity(arrival: Arrival, caller: Caller, side: Side): Identity;
  /** What `GET /.well-known/jwks.json` answers. */
  jwks(): Readonly<{ keys: readonly PublicTagKey[] }>;
  /** The session of this request is dead here at once, and on every instance within 2 s of the promise. */
  endSession(arrival: Arrival, caller: Caller): Promise<void>;
  /** Is told each answer's `Set-Cookie` values, of either side: a session that the answer deletes or replaces is ended. Never throws. */
  noteCookies(arrival: Arrival, caller: Caller, setCookies: readonly string[]): void;
  /** The id of a request, also of one that `receive` refuses. */
  takeRequestId(rawHeaders: readonly string[]): RequestId;
  close(): void;
}>;

/** Throws `JwtRulesRefusal`, or an Error about `trustedProxies`, with one clear sentence each. */
export function openAdmit(wish: AdmitWish): Admit {
  const { tagKeys, emit, keys, demoKeys, isTenant, jwt, clock = systemClock } = wish;
  const trusted = readTrustedProxies(wish.trustedProxies ?? []);
  const tokens = jwt && openTokens(jwt, clock);
  const signTag = openTagSigner(tagKeys, clock);
  const tagCaller = openCallerTags(signTag, clock);
  const tagRequest = (arrival: Arrival, caller: Caller, side: Side) =>
    signTag(describeRequest(arrival, caller, side));
  const { tagBinding = 'request' } = wish;
  const identity = (arrival: Arrival, caller: Caller, side: Side) => {
    const tag = tagBinding === 'caller' ? tagCaller(caller, side) : tagRequest(arrival, caller, side);
    return writeIdentity(arrival, caller, tag, tagBinding);
  };
  const keyRing = openKeyRing({ keys, demoKeys, isTenant, emit, clock });
  const { sessions: book, askLegacySession: askLegacy } = wish;
  const { questionsAtOnce = QUESTIONS_AT_ONCE } = wish;
  const sessions = openSessions({ sessions: book, askLegacy, signTag, emit, clock, questionsAtOnce });
  const witnesses: Witnesses = { keyRing, tokens, sessions };
  const published = Object.freeze({ keys: tagKeys.published });
  return Object.freeze({
    receive: (req, rules) => receive(req, rules, trusted),
    identify: (arrival, policy) => identify(witnesses, arrival, policy),
    identity,
    jwks: () => published,
    ...openSessionEnd(sessions, emit),
    takeRequestId,
    close: () => {
      keyRing.close();
      sessions.close();
    },
  } satisfies Admit);
}
