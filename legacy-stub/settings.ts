import { LegacyRefusal } from './refusal.ts';
import type { LegacyWish } from './serve.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The embedded PostgreSQL that `npm start` keeps running. */
const nameDemoDatabase = (env: Env) =>
  `postgresql://postgres:postgres@127.0.0.1:${env.EMBEDDED_PG_PORT || 54_329}/legacy`;

export function readDatabaseUrl(env: Env): string {
  const url = env.LEGACY_DATABASE_URL || nameDemoDatabase(env);
  const isPostgres = URL.canParse(url) && /^postgres(?:ql)?:$/.test(new URL(url).protocol);
  if (!isPostgres)
    throw new LegacyRefusal(
      'LEGACY_DATABASE_URL is no address of a PostgreSQL database: write postgresql://user:password@host:port/name.',
    );
  return url;
}

/** What `serve` takes from the environment. Throws LegacyRefusal naming the variable that is wrong. */
export function readSettings(env: Env): LegacyWish {
  const baseUrl = readUrl(env, 'AI_BASE_URL');
  const jwksUrl =
    readUrl(env, 'BANYAN_JWKS_URL') ?? `http://127.0.0.1:${env.ADMIN_PORT || 9_901}/.well-known/jwks.json`;
  return {
    databaseUrl: readDatabaseUrl(env),
    port: readWhole(env, 'LEGACY_PORT', { fallback: 8000, min: 0, max: 65_535 }),
    host: env.LEGACY_HOST || '127.0.0.1',
    lanes: readWhole(env, 'LEGACY_LANES', { fallback: 1, min: 1, max: 256 }),
    dashboardMs: readWhole(env, 'LEGACY_DASHBOARD_MS', { fallback: 250, min: 0, max: 600_000 }),
    tokenMs: readWhole(env, 'LEGACY_TOKEN_MS', { fallback: 5, min: 0, max: 60_000 }),
    faults: env.LEGACY_FAULTS ?? '',
    ...(env.LEGACY_SECRET_KEY && { secretKey: env.LEGACY_SECRET_KEY }),
    ...(jwksUrl && { jwksUrl }),
    // The gateway's own setting: whoever sets it for one sets it for both.
    tagBinding: env.TAG_BINDING === 'caller' ? 'caller' : 'request',
    ...(baseUrl && { ai: { baseUrl, apiKey: env.AI_API_KEY || undefined } }),
  };
}

function readWhole(env: Env, name: string, rule: { fallback: number; min: number; max: number }): number {
  const text = env[name];
  if (text === undefined || text === '') return rule.fallback;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= rule.min && value <= rule.max) return value;
  throw new LegacyRefusal(`${name} is "${text}": it takes a whole number from ${rule.min} to ${rule.max}.`);
}

function readUrl(env: Env, name: string): string | undefined {
  const text = env[name];
  if (!text) return undefined;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new LegacyRefusal(`${name} is "${text}": it takes an address that begins with http:// or https://.`);
}
