import pg from 'pg';
import { EQUAL_NAMES, type Mapping, type TenantId } from '../../vocabulary/index.ts';
import { nameLegacyTrouble, VerifyTrouble } from '../verify/trouble.ts';
import { type CatalogTable, readMigrations, readSchemas, readTables, readTwins } from './catalog.ts';
import { printOrder } from './column-flaws.ts';
import type { Expected } from './expected.ts';
import { type DriftFinding, type Flaw, stop } from './finding.ts';
import { findMajority } from './majority.ts';
import { deriveMapping, type FeatureMapping, type Features, judgeMapping } from './mapping.ts';
import { type Measured, measureTenants } from './measure.ts';
import { listLeftOut, nameSource, renameTable } from './renamed-catalog.ts';
import { judgeMigrations, judgeStrays, judgeTenant, type Registered } from './schema-flaws.ts';
import { judgeTable } from './table-flaws.ts';

export type DriftWish = Readonly<{
  legacyUrl: string;
  /** The store, as any role of it: only catalogs are read. */
  storeUrl: string;
  /** The tables of each feature. */
  features: Features;
  /** By which names legacy's tables and columns are the store's; default: by equal ones. */
  mapping?: Mapping | undefined;
  /** Columns of legacy (table.column) that are knowingly not carried over. */
  leftOut?: readonly string[];
  /** Rows are counted, too, that the store would not take: for so long at most. Without it no row is read. */
  measureMs?: number | undefined;
}>;

export type DriftReport = Readonly<{
  /** Tenants in legacy's registry. */
  tenants: number;
  /** Tables of theirs that were looked at. */
  tables: number;
  mapping: readonly FeatureMapping[];
  findings: readonly DriftFinding[];
  /** Where rows were looked at. */
  measured?: Measured;
}>;

const MIGRATIONS = 'django_migrations';

/**
 * Compares every tenant's schema on legacy with the store's tables, from the catalogs alone: one statement for each catalog, however many
 * schemas there are. Rows are read only where `measureMs` says so. Changes nothing. Throws VerifyTrouble where a database cannot be read.
 */
export async function readDrift(wish: DriftWish): Promise<DriftReport> {
  const { mapping = EQUAL_NAMES } = wish;
  const tables = [...new Set(Object.values(wish.features).flat())];
  const [source, target] = await Promise.all([
    inOneMoment(wish.legacyUrl, nameLegacyTrouble, (client) => readSource(client, tables, mapping)),
    inOneMoment(wish.storeUrl, nameStoreTrouble, (client) => readTables(client, tables)),
  ]);
  const targets = new Map(target.filter(({ schema }) => schema === 'public').map((one) => [one.name, one]));
  const measuring = await measure(wish, source, targets, mapping);
  const findings = [
    ...judgeMapping(wish.features, targets, mapping).map((flaw) => assign(flaw, '', undefined)),
    ...judgeStrays(source.schemas, source.registry, new Set(source.tables.map(({ schema }) => schema))).map(
      ({ schema, flaw }) => assign(flaw, schema, undefined),
    ),
    ...judgeTenants(source, targets, wish),
    ...(measuring?.found ?? []).flatMap(({ tenant, flaws }) =>
      flaws.map((flaw) => assign(flaw, tenant.schema, tenant)),
    ),
  ].map((one) => nameSource(one, mapping));
  const own = new Set(source.registry.map(({ schema }) => schema));
  return Object.freeze({
    tenants: source.registry.length,
    tables: source.tables.filter(({ schema, name }) => own.has(schema) && name !== MIGRATIONS).length,
    mapping: Object.freeze(deriveMapping(wish.features, targets, mapping)),
    findings: Object.freeze(findings),
    ...(measuring && { measured: measuring.measured }),
  });
}

async function measure(
  { legacyUrl, measureMs }: DriftWish,
  { registry: tenants, tables }: Source,
  targets: ReadonlyMap<string, CatalogTable>,
  mapping: Mapping,
) {
  if (measureMs === undefined) return undefined;
  return measureTenants({ legacyUrl, tenants, tables, targets, mapping, limitMs: measureMs });
}

type Source = Readonly<{
  registry: readonly Registered[];
  schemas: readonly string[];
  tables: readonly CatalogTable[];
  twins: readonly Readonly<{ schema: string; name: string }>[];
  migrations: ReadonlyMap<string, readonly string[]>;
}>;

async function readSource(
  client: pg.ClientBase,
  tables: readonly string[],
  mapping: Mapping,
): Promise<Source> {
  const names = tables.flatMap((table) => mapping.toLegacyTable(table) ?? []);
  const { rows: registry } = await client.query<Registered>(
    'SELECT id, name, schema_name AS schema FROM public.tenants_tenant ORDER BY id',
  );
  const found = await readTables(client, [...names, MIGRATIONS]);
  const known = new Set(registry.map(({ schema }) => schema));
  const migrated = found.filter(
    ({ schema, name, isReadable }) => name === MIGRATIONS && isReadable && known.has(schema),
  );
  return {
    registry,
    schemas: await readSchemas(client),
    tables: found
      .filter(({ name }) => names.includes(name))
      .flatMap((table) => renameTable(table, mapping) ?? []),
    twins: await readTwins(client, names),
    migrations: await readMigrations(
      client,
      migrated.map(({ schema }) => schema),
    ),
  };
}

function judgeTenants(
  source: Source,
  targets: ReadonlyMap<string, CatalogTable>,
  { leftOut = [], mapping = EQUAL_NAMES }: DriftWish,
): readonly DriftFinding[] {
  const schemas = new Set(source.schemas);
  const bySchema = Map.groupBy(source.tables, ({ schema }) => schema);
  const twins = Map.groupBy(source.twins, ({ schema }) => schema);
  const migrations = judgeMigrations(source.migrations);
  const own = new Set(source.registry.map(({ schema }) => schema));
  // What is usual the tenants say: a stray schema is nobody's example.
  const tenants = source.tables.filter(({ schema }) => own.has(schema));
  const expected = expectTables(tenants, targets, new Set([...leftOut, ...listLeftOut(mapping)]));
  return source.registry.flatMap((tenant) => {
    const flaws = judgeTenant(tenant, source.registry, schemas);
    if (!schemas.has(tenant.schema)) return flaws.map((flaw) => assign(flaw, tenant.schema, tenant));
    const tables = new Map((bySchema.get(tenant.schema) ?? []).map((table) => [table.name, table]));
    return [
      ...flaws,
      ...(migrations.get(tenant.schema) ?? []),
      ...(twins.get(tenant.schema) ?? []).map(({ name }) =>
        stop(
          'other_case',
          name,
          `There is a table "${name}", which differs from a known one by its case only. Drop or rename it.`,
        ),
      ),
      ...[...expected].flatMap(([name, one]) => judgeOne(name, tables.get(name), one)),
    ].map((flaw) => assign(flaw, tenant.schema, tenant));
  });
}

const judgeOne = (name: string, table: CatalogTable | undefined, expected: Expected): readonly Flaw[] =>
  table
    ? judgeTable(table, expected)
    : [
        stop(
          'table_missing',
          name,
          "The schema has no such table. Run legacy's migrate for it, or restore the table.",
        ),
      ];

function expectTables(
  tables: readonly CatalogTable[],
  targets: ReadonlyMap<string, CatalogTable>,
  leftOut: ReadonlySet<string>,
): ReadonlyMap<string, Expected> {
  const byName = Map.groupBy(tables, ({ name }) => name);
  return new Map(
    [...targets].map(([name, target]) => {
      const usualOrder = findMajority((byName.get(name) ?? []).map(printOrder)) ?? '';
      return [name, { target, usualOrder, leftOut }];
    }),
  );
}

const assign = (flaw: Flaw, schema: string, tenant: Registered | undefined): DriftFinding =>
  Object.freeze({ ...flaw, schema, tenant: tenant && { id: tenant.id as TenantId, name: tenant.name } });

/** What stops a tenant, or everybody, from being moved with these tables. */
export function listStops(
  { findings }: DriftReport,
  tenant: TenantId,
  tables: readonly string[],
): readonly DriftFinding[] {
  const own = new Set(tables);
  return findings.filter(
    (one) =>
      one.weight === 'stops' &&
      (one.tenant === undefined || one.tenant.id === tenant) &&
      (one.place === '' || one.place === MIGRATIONS || own.has(one.place.split('.', 1)[0] ?? '')),
  );
}

// Where many schemas are new the planner knows nothing of the catalogs yet, and would read them whole for each table. So: joined in the order in
// which they are written, each by its index.
const SETTINGS = Object.entries({
  search_path: 'pg_catalog',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  join_collapse_limit: '1',
  jit: 'off',
  lock_timeout: '5000',
})
  .map(([name, value]) => `SET LOCAL ${name} = ${value}`)
  .join('; ');

async function inOneMoment<T>(
  url: string,
  nameTrouble: (error: unknown) => Error,
  read: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'banyan drift',
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${SETTINGS}`);
    return await read(client);
  } catch (error) {
    throw nameTrouble(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

const nameStoreTrouble = (error: unknown): Error =>
  new VerifyTrouble('The new store cannot be read at the moment.', { cause: error });
