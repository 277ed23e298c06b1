import type { Mapping } from '../../vocabulary/index.ts';
import type { CatalogTable } from './catalog.ts';
import { TENANT_COLUMN } from './expected.ts';
import { type Flaw, stop } from './finding.ts';

/** How one table's rows get to the store: by names, ids kept, the tenant added. The way back is the same, read backwards. */
export type TableMapping = Readonly<{
  source: string;
  target: string;
  /** What a row is found by, in the source. */
  key: readonly string[];
  columns: readonly Readonly<{ source: string; target: string; type: string }>[];
  added: typeof TENANT_COLUMN;
  /** Tables that its foreign keys refer to: their rows have to be there first. */
  refersTo: readonly string[];
}>;
export type FeatureMapping = Readonly<{ feature: string; tables: readonly TableMapping[] }>;

export type Features = Readonly<Record<string, readonly string[]>>;

/** What is wrong with the mapping itself, whichever tenant it is: it stops everybody. */
export function judgeMapping(
  features: Features,
  targets: ReadonlyMap<string, CatalogTable>,
  mapping: Mapping,
): readonly Flaw[] {
  const places = Object.entries(features).flatMap(([feature, tables]) =>
    tables.map((table) => ({ feature, table })),
  );
  const byTable = Map.groupBy(places, ({ table }) => table);
  return [...byTable].flatMap(([table, own]) => [
    ...(own.length > 1
      ? [
          stop(
            'table_twice',
            table,
            `It is listed ${own.length} times (${own.map(({ feature }) => feature).join(', ')}), and a table has one owner. List it once.`,
          ),
        ]
      : []),
    ...judgeTarget(table, targets.get(table)),
    ...judgeNames(table, targets.get(table), mapping),
  ]);
}

function judgeTarget(table: string, target: CatalogTable | undefined): readonly Flaw[] {
  if (target === undefined)
    return [
      stop(
        'table_unknown',
        table,
        'The store has no such table. Give it one by a migration (docs/store.md).',
      ),
    ];
  const primary = target.keys.find(({ isPrimary }) => isPrimary)?.columns ?? [];
  return primary[0] === TENANT_COLUMN && primary.length > 1
    ? []
    : [
        stop(
          'table_unknown',
          table,
          "The store's table has no primary key that begins with the tenant and goes on with a key of legacy's.",
        ),
      ];
}

/** Every table and column has a source, and each that the mapping names is there. */
function judgeNames(table: string, target: CatalogTable | undefined, mapping: Mapping): readonly Flaw[] {
  if (target === undefined) return [];
  const known = target.columns.map(({ name }) => name);
  const unknown = Object.keys(mapping.rules[table]?.columns ?? {}).filter(
    (column) => !known.includes(column),
  );
  const orphans = known.filter(
    (column) => column !== TENANT_COLUMN && mapping.toLegacyColumn(table, column) === undefined,
  );
  const taken = [
    ...(mapping.toLegacyTable(table) === undefined ? [table] : []),
    ...orphans.map((one) => `${table}.${one}`),
  ];
  return [
    ...unknown.map((column) =>
      stop(
        'column_unknown',
        `${table}.${column}`,
        'The mapping names this column, and the store has none of that name. Mend it in the route table.',
      ),
    ),
    ...taken.map((place) =>
      stop(
        'source_taken',
        place,
        'The mapping gives what legacy calls so to another one, or leaves it out: this one has no source. Map it, too.',
      ),
    ),
  ];
}

/** What both sides have in common, once nothing stops it. */
export function deriveMapping(
  features: Features,
  targets: ReadonlyMap<string, CatalogTable>,
  mapping: Mapping,
): readonly FeatureMapping[] {
  return Object.entries(features).map(([feature, tables]) =>
    Object.freeze({
      feature,
      tables: Object.freeze(
        tables.flatMap((name) => {
          const target = targets.get(name);
          return target ? [mapTable(target, mapping)] : [];
        }),
      ),
    }),
  );
}

function mapTable(target: CatalogTable, mapping: Mapping): TableMapping {
  const { name, keys, columns, references } = target;
  const sourceOf = (column: string) => mapping.toLegacyColumn(name, column) ?? column;
  const isCarried = (column: string) => column !== TENANT_COLUMN;
  const others = references.filter((one) => one.columns.some(isCarried) && one.table !== name);
  return Object.freeze({
    source: mapping.toLegacyTable(name) ?? name,
    target: name,
    key: (keys.find(({ isPrimary }) => isPrimary)?.columns ?? []).filter(isCarried).map(sourceOf),
    columns: columns
      .filter((column) => isCarried(column.name))
      .map(({ name: target, type }) => Object.freeze({ source: sourceOf(target), target, type })),
    added: TENANT_COLUMN,
    refersTo: [...new Set(others.map(({ table }) => table))],
  });
}
