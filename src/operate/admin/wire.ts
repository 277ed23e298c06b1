import * as z from 'zod';
import type { Explanation } from '../../decide/index.ts';
import {
  ADMIT_POLICIES,
  BREAKER_STATES,
  type FlipRecord,
  type KeyRecord,
  parseTenantName,
  parseUserId,
  REASONS,
  RESERVED_SCOPE_PREFIX,
  SIDES,
  type Side,
  STAGES,
  type TenantName,
  type UserId,
} from '../../vocabulary/index.ts';
import type { Breakers, FlagView, RouteView, TableView } from '../ports.ts';

/** What the admin API's JSON looks like, in both directions. Names are snake_case, as in the table and in the problems. */

const name = z.string().min(1).max(100);
const text = z.string();
const time = z.iso.datetime();

export const tenantName = z
  .string()
  .refine((value) => parseTenantName(value) !== undefined, 'expected a tenant name such as "acme"')
  .transform((value) => value as TenantName)
  .meta({ type: 'string' });
export const userId = z
  .int()
  .refine((value) => parseUserId(value) !== undefined, 'expected a positive user number')
  .transform((value) => value as UserId);
export const sentence = z.string().trim().min(1, 'expected a sentence, for the audit log').max(500);
export const person = z.string().trim().min(1, 'expected the name of a person, for the audit log').max(100);
export const percent = z
  .number()
  .min(0)
  .max(100)
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6, 'expected steps of 0.01');
export const scope = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._:-]{0,59}$/, 'expected a scope such as "qa" or "files:read"')
  .refine(
    (value) => !value.startsWith(RESERVED_SCOPE_PREFIX),
    'scopes that begin with "banyan." are the gateway’s own',
  );

export const flagShape = z.object({
  name,
  percent: z.number(),
  tenants: z.array(text),
  except: z.array(text),
});
/** Whether each side of a feature works or rests; what no feature lists shares one pair. */
const breakersShape = z.object({ legacy: z.enum(BREAKER_STATES), new: z.enum(BREAKER_STATES) });
export const routeShape = z.object({
  id: name,
  methods: z.array(text),
  path: text,
  feature: name.nullable(),
  stage: z.enum(STAGES),
  forced_by: z.enum(['route', 'feature']).nullable(),
  flag: name.nullable(),
  handler: text.nullable(),
  admit: z.enum(ADMIT_POLICIES),
  timeout_ms: z.number(),
  /** Null: legacy for GET and HEAD, else refuse. */
  if_new_fails: z.enum(['legacy', 'refuse']).nullable(),
  breakers: breakersShape,
});
export const tableShape = z.object({
  revision: text,
  flag_source: z.enum(['file', 'unleash']),
  routes: z.array(routeShape),
  features: z.array(
    z.object({
      name,
      flag: name.nullable(),
      force: z.literal('legacy').nullable(),
      tables: z.array(text),
      /** Null: FEATURE_MAX_IN_FLIGHT. */
      max_in_flight: z.int().nullable(),
      breakers: breakersShape,
    }),
  ),
  flags: z.array(flagShape),
});
export const flipShape = z.object({
  id: z.int(),
  at: time,
  author: text,
  reason: text,
  subject: name,
  change: text,
  before: text,
  after: text,
  undoes: z.int().nullable(),
});
export const keyShape = z.object({
  id: text,
  tenant: text,
  user: z.int(),
  scopes: z.array(text),
  label: text,
  created_at: time,
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  state: z.enum(['active', 'expired', 'revoked']),
});
export const explanationShape = z.object({
  revision: text,
  method: text,
  path: text,
  tenant: text.nullable(),
  user: z.int().nullable(),
  route: name.nullable(),
  template: text.nullable(),
  feature: name.nullable(),
  stage: z.enum(STAGES).nullable(),
  forced_by: z.enum(['route', 'feature']).nullable(),
  handler: text.nullable(),
  admit: z.enum(ADMIT_POLICIES),
  timeout_ms: z.number(),
  if_new_fails: z.enum(['legacy', 'refuse']),
  flag: z
    .object({
      name,
      is_asked: z.boolean(),
      on: z.boolean().nullable(),
      rule: text.nullable(),
      percent: z.number().nullable(),
      bucket: z.number().nullable(),
      why: text,
    })
    .nullable(),
  breaker: z.enum(BREAKER_STATES).nullable(),
  side: z.enum(SIDES),
  shadow: z.enum(SIDES).nullable(),
  reason: z.enum(REASONS),
  why: text,
  would_change: z.array(text),
});

export type TableJson = z.infer<typeof tableShape>;
export type RouteJson = z.infer<typeof routeShape>;
export type FlagJson = z.infer<typeof flagShape>;
export type FlipJson = z.infer<typeof flipShape>;
export type KeyJson = z.infer<typeof keyShape>;
export type ExplanationJson = z.infer<typeof explanationShape>;

export function toRouteJson(route: RouteView, breakers: Breakers): RouteJson {
  const { id, methods, path, stage, admit } = route;
  return {
    id,
    methods: [...methods],
    path,
    feature: route.feature ?? null,
    stage,
    forced_by: route.forcedBy ?? null,
    flag: route.flag ?? null,
    handler: route.handler ?? null,
    admit,
    timeout_ms: route.timeoutMs,
    if_new_fails: route.ifNewFails ?? null,
    breakers: pairBreakers(breakers, route.feature ?? 'unlisted'),
  };
}

function pairBreakers(breakers: Breakers, feature: string): RouteJson['breakers'] {
  const find = (side: Side) =>
    breakers.find((each) => each.feature === feature && each.side === side)?.state ?? 'closed';
  return { legacy: find('legacy'), new: find('new') };
}

export function toFlagJson({ name, percent, tenants, except }: FlagView): FlagJson {
  return { name, percent, tenants: [...tenants], except: [...except] };
}

export function toTableJson(
  { routes, features, flags }: TableView,
  breakers: Breakers,
): Pick<TableJson, 'routes' | 'features' | 'flags'> {
  return {
    routes: routes.map((route) => toRouteJson(route, breakers)),
    features: features.map(({ name, flag, force, tables, maxInFlight }) => ({
      name,
      flag: flag ?? null,
      force: force ?? null,
      tables: [...tables],
      max_in_flight: maxInFlight ?? null,
      breakers: pairBreakers(breakers, name),
    })),
    flags: flags.map(toFlagJson),
  };
}

export function toFlipJson(flip: FlipRecord): FlipJson {
  const { id, author, reason, subject, change, before, after } = flip;
  const at = flip.at.toISOString();
  return { id, at, author, reason, subject, change, before, after, undoes: flip.undoes ?? null };
}

export function toKeyJson(key: KeyRecord, now: Date): KeyJson {
  return {
    id: key.id,
    tenant: key.tenant,
    user: key.user,
    scopes: [...key.scopes],
    label: key.label,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    state: nameKeyState(key, now),
  };
}

function nameKeyState({ revokedAt, expiresAt }: KeyRecord, now: Date): KeyJson['state'] {
  if (revokedAt) return 'revoked';
  return expiresAt && expiresAt <= now ? 'expired' : 'active';
}

export function toExplanationJson(told: Explanation): ExplanationJson {
  const { revision, method, path, admit, side, reason, why } = told;
  return {
    revision,
    method,
    path,
    tenant: told.tenant ?? null,
    user: told.user ?? null,
    route: told.route ?? null,
    template: told.template ?? null,
    feature: told.feature ?? null,
    stage: told.stage ?? null,
    forced_by: told.forcedBy ?? null,
    handler: told.handler ?? null,
    admit,
    timeout_ms: told.timeoutMs,
    if_new_fails: told.ifNewFails,
    flag: told.flag ? toFlagStoryJson(told.flag) : null,
    breaker: told.breaker ?? null,
    side,
    shadow: told.shadow ?? null,
    reason,
    why,
    would_change: [...told.wouldChange],
  };
}

function toFlagStoryJson(flag: NonNullable<Explanation['flag']>): ExplanationJson['flag'] {
  const { name, isAsked, on, rule, percent, bucket, why } = flag;
  const known = { on: on ?? null, rule: rule ?? null, percent: percent ?? null, bucket: bucket ?? null };
  return { name, is_asked: isAsked, ...known, why };
}
