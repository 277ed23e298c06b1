// environment → frozen Settings, or every mistake at once. `docs/settings.md` lists the same table; a test holds them together.
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { distance } from 'fastest-levenshtein';
import { z } from 'zod';

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^[0-9]{1,12}$/, `a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `a whole number from ${least} to ${most}`);
const port = wholeNumber(1, 65_535);
const hostName = z.string().regex(/^[A-Za-z0-9.:_-]+$/, 'a host name or address');
const httpUrl = z
  .string()
  .refine(
    (text) => isUrl(text, ['http:', 'https:'], 'bare'),
    'an http:// or https:// address without user and path, not a link-local one, for example http://127.0.0.1:8000',
  );
const serviceUrl = z
  .string()
  .refine(
    (text) => isUrl(text, ['http:', 'https:'], 'service'),
    'an http:// or https:// address without user and password, not a link-local one',
  );
const databaseUrl = z
  .string()
  .refine((text) => isUrl(text, ['postgres:', 'postgresql:'], 'any'), 'a postgresql:// address');
const secret = z.string().min(16, 'at least 16 characters');
const text = z.string();
const list = z.string().transform((all) =>
  all
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== ''),
);
const KEY_BYTES = 32;
const key = z
  .string()
  .transform(readKey)
  .refine((bytes) => bytes !== undefined, `${KEY_BYTES} random bytes as base64, base64url or hex`)
  .transform((bytes) => bytes as Uint8Array);
type JwtAlgorithmName = `${'ES' | 'RS' | 'PS'}${256 | 384 | 512}`;

type Setting = Readonly<{ schema: z.ZodType; fallback?: string; help: string; isSecret?: true }>;

/** Every setting: how it is read, what it is without being set, what it is for. */
export const SETTINGS = {
  PORT: { schema: port, fallback: '8080', help: 'the gateway: what end users call' },
  HOST: { schema: hostName, fallback: '127.0.0.1', help: 'the address that the gateway listens on' },
  ADMIN_PORT: { schema: port, fallback: '9901', help: 'admin API, console, metrics, health' },
  ADMIN_HOST: { schema: hostName, fallback: '127.0.0.1', help: 'the address that the admin door listens on' },
  DATABASE_URL: {
    schema: databaseUrl,
    help: 'the new store, as the app role (`banyan_app`)',
    isSecret: true,
  },
  DATABASE_OWNER_URL: {
    schema: databaseUrl,
    help: 'the new store, as the owner of its tables: only for `banyan migrate`',
    isSecret: true,
  },
  DATABASE_POOL_SIZE: {
    schema: wholeNumber(1, 500),
    fallback: '20',
    help: 'most connections to the new store; no feature holds more than three quarters of them',
  },
  LEGACY_URL: { schema: httpUrl, help: 'the monolith' },
  LEGACY_DATABASE_URL: {
    schema: databaseUrl,
    help: "the monolith's database: rows are followed from there, and the demo seeds the stub and the new side from it",
    isSecret: true,
  },
  LEGACY_SECRET_KEY: {
    schema: secret,
    help: "the monolith's Django `SECRET_KEY`: session rows that the new side writes are then good for legacy, too",
    isSecret: true,
  },
  FOLLOW_SLOT: {
    schema: z
      .string()
      .regex(/^[a-z0-9_]{1,63}$/, 'the name of a replication slot: 1 to 63 of a to z, 0 to 9 and _'),
    help: "the replication slot on `LEGACY_DATABASE_URL` by which the new store follows legacy's rows; unset: rows are not followed",
  },
  FOLLOW_HELD_MB: {
    schema: wholeNumber(1, 1_000_000_000),
    fallback: '10240',
    help: 'so much of its write-ahead log legacy may keep for the slot before `slot_changed` tells of it, in MB, where its server sets no limit itself (`max_slot_wal_keep_size`)',
  },
  MOVE_RECHECK_MINUTES: {
    schema: wholeNumber(0, 44_640),
    fallback: '60',
    help: 'in so long all rows that are moved are compared once more on both sides, a tenant at a time, in minutes; 0: only when asked for',
  },
  LEGACY_PORT: {
    schema: port,
    fallback: '8000',
    help: 'the legacy stub, in the demo, when `LEGACY_URL` is not set',
  },
  EMBEDDED_PG_PORT: {
    schema: port,
    fallback: '54329',
    help: 'the embedded PostgreSQL, in the demo, when `DATABASE_URL` is not set',
  },
  BANYAN_CONFIG: { schema: text, fallback: 'routes.config.yaml', help: 'the route table' },
  BANYAN_DATA_DIR: { schema: text, fallback: '.banyan', help: 'where the demo keeps its data' },
  BANYAN_ADMIN_TOKEN: {
    schema: secret,
    help: 'the token of the admin API, at least 16 characters',
    isSecret: true,
  },
  BANYAN_ADMIN_URL: {
    schema: serviceUrl,
    help: 'where the command line finds the admin API, when it is not on this machine',
  },
  TAG_SIGNING_KEYS: {
    schema: text,
    help: 'the keys that sign identity tags: a JWK Set of private P-256 keys; the first signs, all are published',
    isSecret: true,
  },
  TAG_BINDING: {
    schema: z.enum(['request', 'caller'], 'request or caller'),
    fallback: 'request',
    help: 'what an identity tag is good for: one `request`, or for 30 seconds all that its `caller` sends, at half of the cost; tell the monolith first',
  },
  TRUSTED_PROXIES: {
    schema: list,
    fallback: '',
    help: 'addresses and networks in front of us, separated by commas, whose `X-Forwarded-For` and `-Proto` are believed',
  },
  JWT_ISSUER: {
    schema: text,
    help: "the `iss` that callers' JWTs must carry; without it no JWT is accepted",
  },
  JWT_AUDIENCE: { schema: text, help: "the `aud` that callers' JWTs must carry" },
  JWT_ALGORITHMS: {
    schema: z
      .string()
      .regex(
        /^(ES|RS|PS)(256|384|512)(,(ES|RS|PS)(256|384|512))*$/,
        'a comma-separated list of ES256, ES384, ES512, RS256, …, PS512',
      )
      .transform((list) => list.split(',') as JwtAlgorithmName[]),
    fallback: 'ES256,RS256',
    help: 'the signature algorithms accepted',
  },
  JWT_JWKS_URL: { schema: serviceUrl, help: "where the keys of callers' JWTs are published" },
  JWT_PUBLIC_KEY: { schema: text, help: "the key of callers' JWTs as PEM, instead of `JWT_JWKS_URL`" },
  MIRROR_KEY: {
    schema: key,
    help: 'masks values and seals samples: 32 bytes as base64, base64url or hex; unset: a random one per process, then samples cannot be replayed and hashes do not compare across instances',
    isSecret: true,
  },
  MIRROR_POOL_SIZE: {
    schema: wholeNumber(1, 100),
    help: 'most rehearsals at once; unset: one fewer than there are cores, from 2 to 5',
  },
  MIRROR_CPU_PERCENT: {
    schema: wholeNumber(1, 10_000),
    help: 'processor time that rehearsals may take, in percent of one core, the database’s not counted; unset: 10 with two cores, and 50 more with each further one',
  },
  MIRROR_BODY_BYTES: {
    schema: wholeNumber(1_024, 16_777_216),
    fallback: '262144',
    help: 'the largest body that is compared, in bytes',
  },
  MIRROR_QUEUE: {
    schema: wholeNumber(1, 10_000),
    fallback: '200',
    help: 'copies of exchanges that wait for a rehearsal, at most',
  },
  MIRROR_MEMORY_BYTES: {
    schema: wholeNumber(65_536, 17_179_869_184),
    fallback: '67108864',
    help: 'bodies held for copies, all together, in bytes',
  },
  MIRROR_TIMEOUT_MS: {
    schema: wholeNumber(100, 60_000),
    fallback: '10000',
    help: 'how long the side that is asked afterwards may take, in ms',
  },
  MIRROR_HEAP_MB: {
    schema: wholeNumber(64, 8_192),
    fallback: '512',
    help: 'the heap of the process in which the new side rehearses, in MB',
  },
  MIRROR_LAG_MS: {
    schema: wholeNumber(5, 10_000),
    fallback: '100',
    help: 'event-loop lag above which no copies are taken, in ms',
  },
  MIRROR_DAYS: {
    schema: wholeNumber(1, 365),
    fallback: '14',
    help: 'how long differences and their samples are kept, in days',
  },
  UNLEASH_URL: {
    schema: serviceUrl,
    help: 'an Unleash server as the source of flags, for example http://unleash:4242/api',
  },
  UNLEASH_API_TOKEN: { schema: text, help: 'its client token', isSecret: true },
  UNLEASH_REFRESH_MS: {
    schema: wholeNumber(50, 600_000),
    fallback: '15000',
    help: 'how often the flags are asked for, in ms; silence for three times as long is called stale',
  },
  AI_BASE_URL: {
    schema: serviceUrl,
    help: 'an OpenAI-compatible engine; without it a small deterministic one answers',
  },
  AI_API_KEY: { schema: text, help: 'its key', isSecret: true },
  LOG_LEVEL: {
    schema: z.enum(['error', 'warn', 'info', 'debug', 'silent'], 'error, warn, info, debug or silent'),
    fallback: 'info',
    help: '`error`, `warn`, `info`, `debug` or `silent`',
  },
  MAX_BODY_BYTES: {
    schema: wholeNumber(1, 999_999_999_999),
    fallback: '10737418240',
    help: 'the largest request body that either side is sent, in bytes (10 GiB)',
  },
  MAX_CONNECTIONS: {
    schema: wholeNumber(1, 1_000_000),
    fallback: '10000',
    help: 'most client connections at once, in each process',
  },
  HEADERS_TIMEOUT_MS: {
    schema: wholeNumber(100, 120_000),
    fallback: '10000',
    help: 'how long the head of a request may take to arrive, in ms',
  },
  KEEP_ALIVE_MS: {
    schema: wholeNumber(100, 3_600_000),
    fallback: '75000',
    help: 'how long a connection may be idle between two requests, in ms',
  },
  STALLED_MS: {
    schema: wholeNumber(100, 600_000),
    fallback: '30000',
    help: 'how long a client may take nothing of its answer before it is cut, in ms',
  },
  SLOWEST_UPLOAD_BYTES_PER_S: {
    schema: wholeNumber(0, 1_000_000_000),
    fallback: '240',
    help: 'the pace of an upload, over `STALLED_MS`, below which it is refused; 0: any',
  },
  TENANT_MAX_IN_FLIGHT: {
    schema: wholeNumber(1, 1_000_000),
    fallback: '100',
    help: 'most requests of one tenant that each process answers at once',
  },
  TENANT_MAX_STREAMS: {
    schema: wholeNumber(1, 1_000_000),
    fallback: '1000',
    help: 'most WebSockets and event streams of one tenant in each process',
  },
  FEATURE_MAX_IN_FLIGHT: {
    schema: wholeNumber(1, 1_000_000),
    fallback: '300',
    help: 'most requests of one feature that each process asks each side at once; `max_in_flight` of a feature goes before it',
  },
  FALLBACK_MAX_IN_FLIGHT: {
    schema: wholeNumber(1, 1_000_000),
    fallback: '100',
    help: 'most requests of one feature that legacy answers at once in the place of a new side that fails, in each process',
  },
  BREAKER_FAILED_PERCENT: {
    schema: wholeNumber(1, 100),
    fallback: '50',
    help: 'a breaker opens when more than so many of the last 20 answers of a side failed; 100: never',
  },
  NEW_REST_MS: {
    schema: wholeNumber(100, 600_000),
    fallback: '10000',
    help: 'how long the new side of a feature rests when its breaker has opened, in ms',
  },
  LEGACY_REST_MS: {
    schema: wholeNumber(100, 600_000),
    fallback: '2000',
    help: 'the same for legacy, in ms',
  },
  SHED_LAG_MS: {
    schema: wholeNumber(20, 60_000),
    fallback: '200',
    help: 'event-loop lag from which on new requests are refused, in ms',
  },
  PROFILE_DIR: {
    schema: text,
    help: 'where a CPU profile of 2 s is written when requests are refused for lag; unset: none is written',
  },
  WORKERS: {
    schema: wholeNumber(1, 256),
    help: 'processes that share the port; unset: one per core, and 1 in the demo',
  },
  SHUTDOWN_GRACE_MS: {
    schema: wholeNumber(0, 600_000),
    fallback: '25000',
    help: 'how long requests in flight may take after SIGTERM, in ms',
  },
} as const satisfies Record<string, Setting>;

type SettingName = keyof typeof SETTINGS;
type Value<Name extends SettingName> =
  | z.output<(typeof SETTINGS)[Name]['schema']>
  | ((typeof SETTINGS)[Name] extends { fallback: string } ? never : undefined);
export type Settings = Readonly<{ [Name in SettingName]: Value<Name> }>;

/** Names in the environment that look like ours; anything else is somebody else's. */
const OURS =
  /^(BANYAN_|TRUSTED_|TAG_|EMBEDDED_PG_|LEGACY_|UNLEASH_|JWT_|MIRROR_|FOLLOW_|MOVE_|TENANT_MAX_|FEATURE_MAX_|FALLBACK_MAX_|BREAKER_)/;
// Read by the legacy stub, by tests or by the command line, not by the gateway.
const NEIGHBOURS = new Set([
  'LEGACY_HOST',
  'LEGACY_TOKEN_MS',
  'LEGACY_LANES',
  'LEGACY_FAULTS',
  'LEGACY_DASHBOARD_MS',
  'BANYAN_JWKS_URL',
  'BANYAN_CHILD',
  'BANYAN_TEST_PG',
]);

// What Kubernetes puts into every container for a Service that is called like one of our prefixes.
const KUBERNETES = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/;
const KUBERNETES_VALUE = /^(tcp|udp):\/\//;
const isOfKubernetes = (name: string, value = '') => KUBERNETES.test(name) || KUBERNETES_VALUE.test(value);

export type SettingsResult =
  | Readonly<{ kind: 'settings'; settings: Settings }>
  | Readonly<{ kind: 'mistakes'; mistakes: readonly string[] }>;

/** Reads all settings. A name with the ending `_FILE` names a file that holds the value, as container secrets do. */
export function readSettings(env: NodeJS.ProcessEnv, required: readonly SettingName[] = []): SettingsResult {
  const mistakes: string[] = findUnknownNames(env);
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting][]) {
    const raw = readRaw(env, name, mistakes) ?? setting.fallback;
    if (raw === undefined) {
      if (required.includes(name)) mistakes.push(`${name} is not set: it is ${setting.help}.`);
      continue;
    }
    const parsed = setting.schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else
      mistakes.push(
        `${name} is ${mayBeShown(setting, raw) ? `"${raw}", not` : 'not'} what it must be: ${parsed.error.issues[0]?.message}.`,
      );
  }
  if (mistakes.length === 0) findContradictions(values as Settings, mistakes);
  if (mistakes.length > 0) return { kind: 'mistakes', mistakes };
  return { kind: 'settings', settings: Object.freeze(values) as Settings };
}

// An address may hold a password.
const mayBeShown = ({ isSecret }: Setting, raw: string) => isSecret !== true && !raw.includes('@');

function readRaw(env: NodeJS.ProcessEnv, name: string, mistakes: string[]): string | undefined {
  const direct = env[name];
  if (direct !== undefined && direct !== '' && !KUBERNETES_VALUE.test(direct)) return direct;
  const file = env[`${name}_FILE`];
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    mistakes.push(`${name}_FILE names "${file}", which cannot be read.`);
    return undefined;
  }
}

function findUnknownNames(env: NodeJS.ProcessEnv): string[] {
  const known = Object.keys(SETTINGS);
  return Object.keys(env)
    .filter((name) => OURS.test(name) && !NEIGHBOURS.has(name) && !isOfKubernetes(name, env[name]))
    .filter((name) => !known.includes(name) && !known.includes(name.replace(/_FILE$/, '')))
    .map((name) => `${name} is no setting. Did you mean ${findNearest(name, known)}?`);
}

function findContradictions(settings: Settings, mistakes: string[]): void {
  const {
    JWT_ISSUER,
    JWT_AUDIENCE,
    JWT_JWKS_URL,
    JWT_PUBLIC_KEY,
    UNLEASH_URL,
    UNLEASH_API_TOKEN,
    PORT,
    ADMIN_PORT,
  } = settings;
  const keys = [JWT_JWKS_URL, JWT_PUBLIC_KEY].filter((key) => key !== undefined).length;
  if (JWT_ISSUER !== undefined && JWT_AUDIENCE === undefined)
    mistakes.push('JWT_AUDIENCE is not set, but JWT_ISSUER is: a JWT for somebody else would be accepted.');
  if (JWT_ISSUER !== undefined && keys !== 1)
    mistakes.push('JWT_ISSUER needs exactly one of JWT_JWKS_URL and JWT_PUBLIC_KEY.');
  if (JWT_ISSUER === undefined && keys > 0)
    mistakes.push('JWT_ISSUER is not set, but a key for JWTs is: say whose JWTs are accepted.');
  if (UNLEASH_URL !== undefined && UNLEASH_API_TOKEN === undefined)
    mistakes.push('UNLEASH_API_TOKEN is not set, but UNLEASH_URL is.');
  findMirrorContradictions(settings, mistakes);
  if (PORT === ADMIN_PORT) mistakes.push(`PORT and ADMIN_PORT are both ${PORT}: give each its own.`);
}

function findMirrorContradictions(settings: Settings, mistakes: string[]): void {
  const { FOLLOW_SLOT, LEGACY_DATABASE_URL, MIRROR_BODY_BYTES, MIRROR_MEMORY_BYTES } = settings;
  if (FOLLOW_SLOT !== undefined && LEGACY_DATABASE_URL === undefined)
    mistakes.push('LEGACY_DATABASE_URL is not set, but FOLLOW_SLOT is: say on which database the slot is.');
  if (MIRROR_MEMORY_BYTES < 2 * MIRROR_BODY_BYTES)
    mistakes.push(
      'MIRROR_MEMORY_BYTES is less than twice MIRROR_BODY_BYTES: a copy holds a request and an answer.',
    );
}

// A key of a few different bytes was typed, not drawn: 32 random ones have fewer than 16 different ones once in 10^16 times.
const FEWEST_DIFFERENT_BYTES = 16;

function readKey(value: string): Uint8Array | undefined {
  const isHex = /^[0-9a-f]{64}$/i.test(value);
  if (!isHex && !/^[A-Za-z0-9+/_-]{43}=?$/.test(value)) return undefined;
  // Decoding base64 takes base64url as well.
  const bytes = new Uint8Array(Buffer.from(value, isHex ? 'hex' : 'base64'));
  return new Set(bytes).size < FEWEST_DIFFERENT_BYTES ? undefined : bytes;
}

function isUrl(value: string, protocols: readonly string[], extent: 'bare' | 'service' | 'any'): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  if (!protocols.includes(url.protocol)) return false;
  if (extent === 'any') return true;
  if (url.username !== '' || url.password !== '' || isMetadataHost(url.hostname)) return false;
  return extent === 'service' || (url.pathname === '/' && url.search === '' && url.hash === '');
}

// Where clouds hand a machine its own credentials: nothing that we ask on anybody's behalf is there.
const METADATA = new BlockList();
METADATA.addSubnet('169.254.0.0', 16, 'ipv4');
METADATA.addSubnet('fe80::', 10, 'ipv6');
METADATA.addAddress('fd00:ec2::254', 'ipv6');

function isMetadataHost(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  const family = isIP(address);
  return family !== 0 && METADATA.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function findNearest(name: string, known: readonly string[]): string {
  return [...known].sort((a, b) => distance(name, a) - distance(name, b))[0] ?? '';
}
