import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';

/** A public P-256 key as `GET /.well-known/jwks.json` publishes it (RFC 7517). */
export type PublicTagKey = Readonly<{
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
  /** RFC 7638 thumbprint: two instances with the same key give it the same name. */
  kid: string;
  use: 'sig';
  alg: 'ES256';
}>;

export type TagKeys = Readonly<{
  /** The first key of the set: it signs. */
  signing: Readonly<{ kid: string; privateKey: KeyObject }>;
  /** All keys: what was signed by one that is about to go, or about to come, verifies too. */
  published: readonly PublicTagKey[];
}>;

/** One sentence about what is wrong with `TAG_SIGNING_KEYS`; never holds a key. */
export class TagKeysRefusal extends Error {
  override readonly name = 'TagKeysRefusal';
}

/** Reads a JWK Set of private EC P-256 keys. Throws `TagKeysRefusal`. */
export function parseTagKeys(text: string): TagKeys {
  const keys = readKeyList(text).map((jwk, i) => readPrivateKey(jwk, i + 1));
  const [first] = keys;
  if (first === undefined)
    throw new TagKeysRefusal('The set holds no key: put at least one private P-256 key into "keys".');
  const published = keys.map(({ jwk }) => jwk);
  if (new Set(published.map(({ kid }) => kid)).size < published.length)
    throw new TagKeysRefusal('The set holds one key twice: remove the repetition.');
  return Object.freeze({
    signing: Object.freeze({ kid: first.jwk.kid, privateKey: first.privateKey }),
    published: Object.freeze(published),
  });
}

/** A new set of one key, as `TAG_SIGNING_KEYS` takes it. A secret: write it nowhere but into the settings. */
export function createTagKeysText(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] });
}

/** Keys that live as long as this process: for the demo and for tests. */
export function createTagKeys(): TagKeys {
  return parseTagKeys(createTagKeysText());
}

function readKeyList(text: string): readonly unknown[] {
  const set = parseJson(text);
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  if (!Array.isArray(keys))
    throw new TagKeysRefusal(
      'This is not a JWK Set: write {"keys":[{"kty":"EC","crv":"P-256","x":…,"y":…,"d":…}]}.',
    );
  return keys;
}

function readPrivateKey(value: unknown, position: number): { jwk: PublicTagKey; privateKey: KeyObject } {
  const refuse = (why: string) => new TagKeysRefusal(`Key ${position} of the set ${why}.`);
  if (typeof value !== 'object' || value === null) throw refuse('is not a JSON object');
  const { kty, crv, x, y, d } = value as Record<string, unknown>;
  if (kty !== 'EC' || crv !== 'P-256') throw refuse('is not an EC key on the curve P-256');
  if (typeof x !== 'string' || typeof y !== 'string') throw refuse('has no "x" or no "y"');
  if (typeof d !== 'string') throw refuse('has no private part "d"');
  const privateKey = tryCreateKey({ kty, crv, x, y, d });
  if (privateKey === undefined)
    throw refuse('is not a valid point on P-256, or its parts do not belong together');
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { jwk: Object.freeze({ kty, crv, x, y, kid, use: 'sig', alg: 'ES256' }), privateKey };
}

function tryCreateKey(key: JsonWebKey): KeyObject | undefined {
  try {
    return createPrivateKey({ key, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
