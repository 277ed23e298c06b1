// A route table, and what an Unleash server would tell beside it, of any size: text and data only.
import { flag, rollout } from '../../tests/support/flag-server.ts';
import type { Size } from './sizes.ts';

export const HANDLER = 'growth/answer';
export type BenchRoute = Readonly<{ method: string; template: string }>;

const AREAS = 40;
const STAGES = ['legacy', 'canary', 'canary', 'canary', 'new'] as const;
const PERCENT = 10;
const SEGMENT_ID = 1;
/** One flag in so many has a list beside its percentage. */
const LIST_EVERY = 2;
/** The first list is long, the others are short, or a table of 50 flags would be larger than a table may be. */
const LONG_SHARE = 2;
const SHORT_SHARE = 40;

export const nameTenants = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, number) => `tenant-${String(number).padStart(5, '0')}`);

/** Half of them with parameters, each path with two to four routes. */
export function listRoutes(count: number): readonly BenchRoute[] {
  return Array.from({ length: count }, (_, number) => {
    const thing = Math.floor(number / 4);
    const path = `/api/area-${thing % AREAS}/things-${thing}/`;
    switch (number % 4) {
      case 0:
        return { method: 'GET', template: path };
      case 1:
        return { method: 'POST', template: path };
      case 2:
        return { method: 'GET', template: `${path}:id/` };
      default:
        return { method: 'PUT', template: `${path}:id/parts/:part/` };
    }
  });
}

export const fillPath = (template: string, number: number) =>
  template.replace(':id', String(1_000 + number)).replace(':part', String(number));

const nameFlags = (count: number) => Array.from({ length: count }, (_, number) => `flag-${number}`);

/** `timeoutMs` makes it another table. */
export function writeTable({ routes, tenants, flags }: Size, timeoutMs = 30_000): string {
  const names = nameTenants(tenants);
  return [
    'version: 1',
    'tenants: { by_host: "{tenant}.example.com" }',
    `defaults: { admit: required, timeout_ms: ${timeoutMs} }`,
    'flags:',
    ...nameFlags(flags).map((name, number) => `  ${name}: ${writeFlag(number, names)}`),
    'features:',
    ...nameFlags(flags).map(
      (name, number) => `  feature-${number}: { flag: ${name}, tables: [table_${number}] }`,
    ),
    'routes:',
    ...listRoutes(routes).map((route, number) => writeRoute(route, number, flags)),
    '',
  ].join('\n');
}

function writeFlag(number: number, names: readonly string[]): string {
  if (number % LIST_EVERY !== 0) return `{ percent: ${PERCENT} }`;
  return `{ percent: ${PERCENT}, tenants: [${pickListed(number, names).join(', ')}] }`;
}

function pickListed(number: number, names: readonly string[]): readonly string[] {
  const share = number === 0 ? LONG_SHARE : SHORT_SHARE;
  return names.filter((_, place) => place % share === 0);
}

function writeRoute({ method, template }: BenchRoute, number: number, flags: number): string {
  const mirror =
    number % 3 === 0 ? ['    mirror: { percent: 1, ignore: [/id, /created_at], unordered: [/items] }'] : [];
  return [
    `  - id: things.r${number}`,
    `    match: { method: ${method}, path: ${template} }`,
    `    feature: feature-${number % flags}`,
    `    stage: ${STAGES[number % STAGES.length]}`,
    `    handle: ${HANDLER}`,
    ...mirror,
  ].join('\n');
}

/** The same flags as Unleash would tell them; the lists are a segment of all tenants and constraints of some. */
export function describeFlags({ tenants, flags }: Pick<Size, 'tenants' | 'flags'>, percent: number) {
  const names = nameTenants(tenants);
  const segments = [{ id: SEGMENT_ID, name: 'all', constraints: [isIn(names)] }];
  const features = nameFlags(flags).map((name, number) =>
    flag(name, ...describeStrategies(name, number, names, percent)),
  );
  return { features, segments };
}

function describeStrategies(name: string, number: number, names: readonly string[], percent: number) {
  const share = rollout(percent, name);
  if (number % LIST_EVERY !== 0) return [share];
  const listed = { name: 'default', parameters: {}, constraints: [isIn(pickListed(number, names))] };
  const segmented = { name: 'default', parameters: {}, constraints: [], segments: [SEGMENT_ID] };
  return number === 0 ? [segmented, share] : [listed, share];
}

const isIn = (values: readonly string[]) => ({
  contextName: 'tenantId',
  operator: 'IN',
  values,
  inverted: false,
  caseInsensitive: false,
});
