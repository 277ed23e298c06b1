import { z } from 'zod';
import {
  ADMIT_POLICIES,
  parseFeatureName,
  parseFlagName,
  parseRouteId,
  parseTenantName,
  STAGES,
} from '../vocabulary/index.ts';
import { mirrorSchema } from './mirror-schema.ts';
import { findTemplateTrouble } from './path-template.ts';
import { list, mapping, named, oneOf, percent, phrase, record } from './schema-parts.ts';

// One source for the types, the JSON Schema for editors and the mistakes.

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
export type Method = (typeof METHODS)[number];

const LONGEST_TIMEOUT_MS = 600_000;

const DOTTED = '^[a-z0-9][a-z0-9_-]*(\\.[a-z0-9][a-z0-9_-]*)*$';
const tenantName = named(
  parseTenantName,
  'a tenant name (lower-case letters, digits and dashes, at most 63)',
  '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
);
const flagName = named(parseFlagName, 'a flag name such as ai-engine (lower case)', DOTTED);
const featureName = named(parseFeatureName, 'a feature name such as ai (lower case)', DOTTED);
const routeId = named(parseRouteId, 'a route id such as ai.complete (lower case)', DOTTED);

const TIMEOUT = `a whole number of milliseconds from 1 to ${LONGEST_TIMEOUT_MS}`;
const timeoutMs = z
  .number(phrase(TIMEOUT))
  .min(1, phrase(TIMEOUT))
  .max(LONGEST_TIMEOUT_MS, phrase(TIMEOUT))
  .multipleOf(1, phrase(TIMEOUT));

const handlerName = z
  .string(phrase('a handler such as ai/complete'))
  .regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, phrase('a handler such as ai/complete'));
const tableName = z
  .string(phrase('a table name such as ai_job'))
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, phrase('a table name such as ai_job'));
const COLUMN = 'a column name such as body';
const columnName = z
  .string(phrase(COLUMN))
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, phrase(COLUMN))
  .refine(
    (name) => name !== 'tenant_id',
    phrase("another column than tenant_id, which is the new side's own"),
  );
const LEGACY_NAME = 'a name on legacy such as messages (at most 63 characters)';
const legacyName = z.string(phrase(LEGACY_NAME)).regex(/^\P{Cc}{1,63}$/u, phrase(LEGACY_NAME));
const hostPattern = z
  .string(phrase('a host pattern such as "{tenant}.example.com"'))
  .regex(
    /^\{tenant\}(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/,
    phrase('a host pattern such as "{tenant}.example.com"'),
  );

const method = oneOf(METHODS);
const methods = z.union(
  [method, list(method).min(1, phrase('at least one method'))],
  phrase('a method or a list of methods'),
);
const template = z.string(phrase('a path template such as /api/jobs/:id/')).superRefine((value, context) => {
  const trouble = findTemplateTrouble(value);
  if (trouble) context.addIssue({ code: 'custom', message: trouble });
});

const stage = oneOf(STAGES).describe('How far the route has come: legacy → shadow → canary → new → retired.');
const admit = oneOf(ADMIT_POLICIES).describe(
  'Who may come in: public ignores bad credentials, optional refuses them, required wants one.',
);

export const flagSchema = mapping({
  percent: percent.optional().describe('Share of the tenants for whom the flag is on; sticks to the tenant.'),
  tenants: list(tenantName).optional().describe('Always on for these.'),
  except: list(tenantName).optional().describe('Always off for these, whatever else is said.'),
});

const FORCE = 'legacy, the only side that can be forced';
const force = z
  .literal('legacy', phrase(FORCE))
  .describe('Legacy answers, whatever stage, flag and testers say. Not for retired routes.');

const IN_FLIGHT = 'a whole number of requests from 1 to 100000';
const maxInFlight = z
  .number(phrase(IN_FLIGHT))
  .min(1, phrase(IN_FLIGHT))
  .max(100_000, phrase(IN_FLIGHT))
  .multipleOf(1, phrase(IN_FLIGHT));

export const sourceSchema = mapping({
  from: legacyName.optional().describe("Legacy's table; without it that of the same name."),
  columns: z
    .record(columnName, legacyName, phrase('a mapping'))
    .optional()
    .describe("Columns with legacy's of another name; all others have the same."),
  leave_out: list(legacyName).optional().describe("Legacy's columns that are not carried, knowingly."),
});

export const featureSchema = mapping({
  flag: flagName.optional().describe('The flag that routes at stage canary ask.'),
  force: force.optional(),
  tables: list(tableName).optional().describe("The feature's own tables: they move together."),
  mapping: record(sourceSchema)
    .optional()
    .describe("Where these tables' names on legacy differ: by table of the new side."),
  max_in_flight: maxInFlight
    .optional()
    .describe('How many of its requests each side is asked at once, by each process.'),
});

export const matchSchema = mapping({
  method: methods.describe('GET also answers HEAD.'),
  path: template.describe(
    'The canonical path. `:name` stands for one segment; the trailing slash is part of it.',
  ),
  over: list(routeId).optional().describe('Ids of wider routes that this one goes before.'),
});

export const routeSchema = mapping({
  id: routeId,
  match: matchSchema,
  feature: featureName.optional(),
  stage: stage.optional(),
  force: force.optional(),
  handle: handlerName.optional().describe("The new side's handler."),
  admit: admit.optional(),
  timeout_ms: timeoutMs.optional(),
  mirror: mirrorSchema.optional().describe('How the two answers are compared.'),
  if_new_fails: oneOf(['legacy', 'refuse'])
    .optional()
    .describe(
      'What happens when the new side fails before its handler has begun. legacy for GET, else refuse.',
    ),
});

export const defaultsSchema = mapping({
  admit: admit.optional(),
  stage: stage.optional(),
  timeout_ms: timeoutMs.optional(),
  mirror: mirrorSchema.optional().describe('How the answers of all routes are compared; a route adds to it.'),
});

export const tenantsSchema = mapping({
  by_host: hostPattern.optional().describe('Names the tenant of a request by its host.'),
});

export const tableSchema = mapping({
  version: z.literal(1, phrase('1, the only version')),
  expose_side: z
    .boolean(phrase('true or false'))
    .optional()
    .describe('Adds X-Served-By: legacy|new to every answer.'),
  tenants: tenantsSchema.optional(),
  defaults: defaultsSchema.optional().describe('What routes are without saying so.'),
  flags: record(flagSchema).optional().describe('The built-in flags.'),
  features: record(featureSchema).optional().describe('Routes and tables that must move together.'),
  routes: list(routeSchema),
});

export type RawTable = z.output<typeof tableSchema>;
export type RawRoute = z.output<typeof routeSchema>;

/** The JSON Schema of the file, for editors. `routes.schema.json` holds it. */
export function tableJsonSchema(): object {
  const schema = z.toJSONSchema(tableSchema, { target: 'draft-7', io: 'input' });
  return { ...schema, title: 'Banyan route table', description: 'See docs/route-table.md.' };
}
