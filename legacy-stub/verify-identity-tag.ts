// Banyan's identity tag, checked: the one file that a Node monolith copies to know who is calling.
//
//   const verifier = createTagVerifier({ jwksUrl: 'http://127.0.0.1:9901/.well-known/jwks.json' });
//   const verdict = await verifier.verify(request);            // an http.IncomingMessage
//   if (!verdict.ok) refuse(request, verdict.reason);          // 403, or 503 for 'keys_unavailable'
//   else serve(request, verdict.tag.tenant, verdict.tag.user);
//
// The gateway puts `X-Identity-Tag` on every request that goes on, an anonymous caller's too: a request without a valid tag did not come
// through the gateway. A tag is a compact JWS (RFC 7515), ES256, bound to one method and one request target, and lives 30 seconds. Where the gateway
// binds it to its caller only (`TAG_BINDING=caller`), say `binding: 'caller'` here first.
// Needs nothing but Node; docs/identity.md tells the same for other languages, legacy-stub/django/ has it for Django.
import {
  createHash,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  verify as verifySignature,
} from 'node:crypto';

/** Who is calling, as the gateway found out. */
export type IdentityTag = Readonly<{
  /** The tenant's name; undefined where the caller is anonymous and the host names none. */
  tenant: string | undefined;
  /** Undefined for an anonymous caller. */
  user: number | undefined;
  scopes: readonly string[];
  /** How the caller proved who they are; undefined for an anonymous one. Ask `session` callers for a CSRF token. */
  by: 'api_key' | 'jwt' | 'session' | undefined;
  /** Undefined where the tag is bound to its caller only. */
  requestId: string | undefined;
  /** Unique to this tag. */
  id: string;
}>;

/** Why a request was refused. A closed list, fit for logs and metrics; none of it should be told to the client. */
export type TagRefusal =
  | 'tag_missing'
  | 'tag_repeated'
  | 'tag_malformed'
  | 'algorithm_refused'
  | 'key_unknown'
  | 'keys_unavailable'
  | 'signature_wrong'
  | 'claims_wrong'
  | 'tag_expired'
  | 'tag_from_future'
  | 'other_request'
  | 'identity_header_contradicts';

export type TagVerdict =
  | Readonly<{ ok: true; tag: IdentityTag }>
  | Readonly<{ ok: false; reason: TagRefusal }>;

/** What is looked at of a request; an `http.IncomingMessage` has it. */
export type TaggedRequest = Readonly<{
  method?: string | undefined;
  /** The request target exactly as it came, query included. */
  url?: string | undefined;
  /** Name and value in turn. */
  rawHeaders: readonly string[];
}>;

export type JwkSet = Readonly<{ keys: readonly JsonWebKey[] }>;

export type TagVerifierWish = Readonly<{
  jwksUrl: string;
  /** The side that receives: `legacy` unless you are the new one. */
  audience?: string;
  clockSkewS?: number;
  /** `caller`: tags that name no request are good, too, as the gateway makes them with the setting of that name. */
  binding?: 'request' | 'caller';
  /** How long keys are believed without asking again. */
  keysMaxAgeMs?: number;
  /** The shortest time between two questions for keys, however many unknown key ids arrive. */
  refetchAfterMs?: number;
  /** For tests, and for monoliths that fetch by other means. */
  fetchKeys?: () => Promise<JwkSet>;
  nowMs?: () => number;
}>;

export interface TagVerifier {
  verify(request: TaggedRequest): Promise<TagVerdict>;
}

const TYPE = 'banyan-tag+jwt';
const ISSUER = 'banyan';
const LONGEST_TAG = 8192;
/** The gateway gives a tag 30 s; one that claims more was not made by it. */
const LONGEST_LIFE_S = 60;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const TENANT = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const USER = /^[1-9]\d{0,9}$/;
const KINDS = ['api_key', 'jwt', 'session'] as const;

class Refused extends Error {
  readonly reason: TagRefusal;
  constructor(reason: TagRefusal) {
    super(reason);
    this.reason = reason;
  }
}

export function createTagVerifier(wish: TagVerifierWish): TagVerifier {
  const nowMs = wish.nowMs ?? Date.now;
  const keys = createKeyRing(wish, nowMs);
  return {
    async verify(request) {
      try {
        const { tag: compact, ...claimed } = readIdentityHeaders(request.rawHeaders);
        const { header, payload, signed, signature } = splitTag(compact);
        const key = await keys.find(readKeyId(header));
        const proof = { key, dsaEncoding: 'ieee-p1363' } as const;
        if (!verifySignature('sha256', Buffer.from(signed), proof, signature))
          throw new Refused('signature_wrong');
        const tag = readClaims(payload, wish.audience ?? 'legacy');
        checkTimes(payload, nowMs() / 1000, wish.clockSkewS ?? 60);
        if (!isUnbound(payload)) checkRequest(payload, request);
        else if (wish.binding !== 'caller') throw new Refused('other_request');
        checkHeaders(tag, claimed);
        return { ok: true, tag };
      } catch (error) {
        if (error instanceof Refused) return { ok: false, reason: error.reason };
        throw error;
      }
    },
  };
}

type Claimed = Partial<Record<'tag' | 'tenant' | 'user' | 'requestId', string>>;

const IDENTITY_HEADERS: Readonly<Record<string, keyof Claimed>> = {
  'x-identity-tag': 'tag',
  'x-tenant-id': 'tenant',
  'x-user-id': 'user',
  'x-request-id': 'requestId',
};

/** WSGI, CGI and PHP fold `X_Tenant_Id` into `X-Tenant-Id`: any second spelling of an identity header is an attack. */
function readIdentityHeaders(rawHeaders: readonly string[]): Claimed & { tag: string } {
  const found: Claimed = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const slot = IDENTITY_HEADERS[name.replaceAll('_', '-')];
    if (!slot) continue;
    const twice = found[slot] !== undefined || name.includes('_');
    if (twice) throw new Refused(slot === 'tag' ? 'tag_repeated' : 'identity_header_contradicts');
    found[slot] = rawHeaders[i + 1] ?? '';
  }
  const { tag, ...claimed } = found;
  if (!tag) throw new Refused('tag_missing');
  return { tag, ...claimed };
}

type JsonObject = Readonly<Record<string, unknown>>;

function splitTag(compact: string) {
  const [head = '', body = '', seal = '', ...rest] = compact.split('.');
  if (compact.length > LONGEST_TAG || rest.length > 0) throw new Refused('tag_malformed');
  const signature = decodePart(seal);
  if (signature.length !== 64) throw new Refused('tag_malformed');
  return { header: parseObject(head), payload: parseObject(body), signed: `${head}.${body}`, signature };
}

function decodePart(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  // One spelling only: Node skips what is no base64url, and stray bits at the end would give a tag two forms.
  if (!BASE64URL.test(part) || bytes.toString('base64url') !== part) throw new Refused('tag_malformed');
  return bytes;
}

function parseObject(part: string): JsonObject {
  try {
    const value: unknown = JSON.parse(decodePart(part).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Refused('tag_malformed');
}

/** The header may hold `alg`, `typ` and `kid` and nothing else: no `crit`, no key of its own (RFC 8725 section 3). */
function readKeyId(header: JsonObject): string {
  if (header.alg !== 'ES256') throw new Refused('algorithm_refused');
  const known = Object.keys(header).every((name) => ['alg', 'typ', 'kid'].includes(name));
  if (!known || header.typ !== TYPE || typeof header.kid !== 'string') throw new Refused('tag_malformed');
  return header.kid;
}

function readClaims(claims: JsonObject, audience: string): IdentityTag {
  const { iss, aud, sub, tenant, scope, amr, rid, jti } = claims;
  const rightParties = iss === ISSUER && aud === audience;
  if (!rightParties || !(isText(rid) || isUnbound(claims)) || !isText(jti) || typeof scope !== 'string')
    throw new Refused('claims_wrong');
  if (tenant !== undefined && !(typeof tenant === 'string' && TENANT.test(tenant)))
    throw new Refused('claims_wrong');
  const scopes = scope.split(' ').filter((word) => word !== '');
  const common = { tenant, scopes, requestId: isText(rid) ? rid : undefined, id: jti };
  if (sub === 'anonymous' && amr === undefined) return { ...common, user: undefined, by: undefined };
  const by = Array.isArray(amr) && amr.length === 1 ? KINDS.find((kind) => kind === amr[0]) : undefined;
  if (typeof sub !== 'string' || !USER.test(sub) || !by || tenant === undefined)
    throw new Refused('claims_wrong');
  return { ...common, user: Number(sub), by };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function checkTimes({ iat, exp }: JsonObject, nowS: number, skewS: number): void {
  if (!Number.isInteger(iat) || !Number.isInteger(exp)) throw new Refused('claims_wrong');
  const [from, until] = [iat as number, exp as number];
  if (until <= from || until - from > LONGEST_LIFE_S) throw new Refused('claims_wrong');
  if (nowS >= until + skewS) throw new Refused('tag_expired');
  if (nowS < from - skewS) throw new Refused('tag_from_future');
}

/** It names no request at all. One that names half of one is no tag. */
function isUnbound({ rid, htm, htp }: JsonObject): boolean {
  return rid === undefined && htm === undefined && htp === undefined;
}

/** A tag seen on one request is worth nothing on another. */
function checkRequest({ htm, htp }: JsonObject, { method, url = '' }: TaggedRequest): void {
  const target = createHash('sha256').update(url).digest('base64url');
  if (htm !== method || htp !== target) throw new Refused('other_request');
}

/** The plain headers are a convenience: they say what the tag says, or the request is forged. */
function checkHeaders(tag: IdentityTag, claimed: Claimed): void {
  const user = tag.user === undefined ? ['', 'anonymous'] : [String(tag.user)];
  const requests = tag.requestId === undefined ? [claimed.requestId] : [undefined, tag.requestId];
  const right =
    [undefined, tag.tenant ?? ''].includes(claimed.tenant) &&
    (claimed.user === undefined || user.includes(claimed.user)) &&
    requests.includes(claimed.requestId);
  if (!right) throw new Refused('identity_header_contradicts');
}

/** The gateway's public keys by key id, asked for when they are needed and not too often. */
function createKeyRing(wish: TagVerifierWish, nowMs: () => number) {
  const { keysMaxAgeMs = 10 * 60_000, refetchAfterMs = 5_000 } = wish;
  const fetchKeys = wish.fetchKeys ?? (() => fetchJwks(wish.jwksUrl));
  let keys: ReadonlyMap<string, KeyObject> = new Map();
  let askedAt = Number.NEGATIVE_INFINITY;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  const ask = async () => {
    askedAt = nowMs();
    try {
      keys = readKeys(await fetchKeys());
      fetchedAt = nowMs();
    } catch {
      // The keys of before stay good: a gateway that restarts must not lock its callers out.
    } finally {
      asking = undefined;
    }
  };
  return {
    async find(id: string): Promise<KeyObject> {
      const stale = nowMs() - fetchedAt > keysMaxAgeMs;
      // Before the first success there is nothing to protect: ask again soon.
      const pauseMs = keys.size === 0 ? Math.min(refetchAfterMs, 250) : refetchAfterMs;
      if ((stale || !keys.has(id)) && !asking && nowMs() - askedAt >= pauseMs) asking = ask();
      if (asking) await asking;
      const key = keys.get(id);
      if (!key) throw new Refused(keys.size === 0 ? 'keys_unavailable' : 'key_unknown');
      return key;
    },
  };
}

async function fetchJwks(url: string): Promise<JwkSet> {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(3_000) });
  if (!answer.ok) throw new Error(`the keys' address answered ${answer.status}`);
  return (await answer.json()) as JwkSet;
}

function readKeys(set: JwkSet): ReadonlyMap<string, KeyObject> {
  const fit = set.keys.filter(
    (jwk) =>
      jwk.kty === 'EC' &&
      jwk.crv === 'P-256' &&
      typeof jwk.kid === 'string' &&
      [undefined, 'sig'].includes(jwk.use as string) &&
      [undefined, 'ES256'].includes(jwk.alg as string),
  );
  return new Map(
    fit.map(({ kid, kty, crv, x, y }) => [
      kid as string,
      createPublicKey({ key: { kty, crv, x, y } as JsonWebKey, format: 'jwk' }),
    ]),
  );
}
