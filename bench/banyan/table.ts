// A table as a monolith of some size has it, with everything switched on that a request can meet on its way to legacy.
import { stringify } from 'yaml';
import { PLACES } from '../upstream/index.ts';

const FEATURES = 10;
/** Tenants for whom a flag is on by name. None of them asks in the bench. */
const LISTED = 400;
const PERCENT = 10;
const RESOURCES = ['invoices', 'orders', 'people', 'reports', 'projects'] as const;

export type BenchRoute = Readonly<{ id: string; feature: string; method: 'GET' | 'POST'; template: string }>;

export type BenchTable = Readonly<{
  text: string;
  routes: readonly BenchRoute[];
  features: readonly string[];
  /** Names of the tenants that flags name. */
  listed: readonly string[];
}>;

/** As many routes as asked for, in ten features, half of them with parameters. */
export function makeRoutes(count: number): readonly BenchRoute[] {
  return Array.from({ length: count }, (_, number) => {
    const feature = `feature-${number % FEATURES}`;
    const resource = `${RESOURCES[number % RESOURCES.length]}-${Math.floor(number / 2)}`;
    const tail = number % 2 === 0 ? '' : ':id/';
    return {
      id: `${feature}.r${number}`,
      feature,
      method: 'GET',
      template: `${PLACES.small}${feature}/${resource}/${tail}`,
    };
  });
}

/** Routes of the bodies and streams, in the same features. */
const FURTHER: readonly BenchRoute[] = [
  { id: 'bench.large', feature: 'feature-0', method: 'GET', template: `${PLACES.large}:id/` },
  { id: 'bench.down', feature: 'feature-0', method: 'GET', template: `${PLACES.down}:id/` },
  { id: 'bench.up', feature: 'feature-0', method: 'POST', template: `${PLACES.up}:id/` },
  { id: 'bench.events', feature: 'feature-0', method: 'GET', template: `${PLACES.events}:id/` },
  { id: 'bench.socket', feature: 'feature-0', method: 'GET', template: `${PLACES.socket}:id/` },
];

/**
 * Every route is a canary of a feature whose flag has a list of 400 tenants and a gradual rollout: for each request both are
 * looked at, and for the callers of the bench both say no, so that legacy answers. No mirror.
 */
export function makeTable(routeCount: number): BenchTable {
  const routes = makeRoutes(routeCount - FURTHER.length).concat(FURTHER);
  const features = Array.from({ length: FEATURES }, (_, number) => `feature-${number}`);
  const listed = Array.from({ length: LISTED }, (_, number) => `listed-${String(number).padStart(3, '0')}`);
  const table = {
    version: 1,
    defaults: { admit: 'required', stage: 'canary', timeout_ms: 30_000 },
    flags: Object.fromEntries(
      features.map((feature) => [`${feature}-new`, { percent: PERCENT, tenants: listed, except: [] }]),
    ),
    features: Object.fromEntries(
      features.map((feature) => [feature, { flag: `${feature}-new`, tables: [] }]),
    ),
    routes: routes.map(({ id, feature, method, template }) => ({
      id,
      match: { method, path: template },
      feature,
      handle: 'ai/jobs',
    })),
  };
  return { text: stringify(table, { aliasDuplicateObjects: false }), routes, features, listed };
}

/** A path that the template matches. */
export const fillPath = (template: string, number: number) => template.replace(':id', String(1_000 + number));
