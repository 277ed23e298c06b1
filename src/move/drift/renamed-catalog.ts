import type { Mapping } from '../../vocabulary/index.ts';
import type {
  CatalogColumn,
  CatalogKey,
  CatalogReference,
  CatalogSequence,
  CatalogTable,
} from './catalog.ts';
import type { DriftFinding } from './finding.ts';

/** A table of legacy as it would look with the new side's names, so that both can be compared. Undefined: it is none of the new side's. */
export function renameTable(table: CatalogTable, mapping: Mapping): CatalogTable | undefined {
  const name = mapping.toNewTable(table.name);
  if (name === undefined) return undefined;
  const own = { ...table, references: table.references.map((one) => renameTarget(one, table, mapping)) };
  if (mapping.isEqual(name)) return own;
  const rename = (column: string) => renameColumn(mapping, name, column);
  return {
    ...own,
    name,
    columns: table.columns.map((one): CatalogColumn => ({ ...one, name: rename(one.name) })),
    keys: table.keys.map(
      ({ columns, special, ...one }): CatalogKey => ({
        ...one,
        columns: columns.map(rename),
        special: renameInside(special, rename),
      }),
    ),
    references: own.references.map((one) => ({ ...one, columns: one.columns.map(rename) })),
    sequences: table.sequences.map((one): CatalogSequence => ({ ...one, column: rename(one.column) })),
    rules: table.rules.map((rule) => renameInside(rule, rename)),
  };
}

/** What it refers to has other names as well, whatever its own are. */
function renameTarget(one: CatalogReference, from: CatalogTable, mapping: Mapping): CatalogReference {
  const table = one.schema === from.schema ? mapping.toNewTable(one.table) : undefined;
  if (table === undefined) return one;
  return { ...one, table, targets: one.targets.map((target) => renameColumn(mapping, table, target)) };
}

/** A column that the new side has no place for keeps its name, unless the new side has another one by it. */
export function renameColumn(mapping: Mapping, table: string, column: string): string {
  const name = mapping.toNewColumn(table, column);
  if (name !== undefined) return name;
  return mapping.toLegacyColumn(table, column) === undefined ? column : `${column} (legacy's own)`;
}

/** As places of the report. */
export const listLeftOut = (mapping: Mapping): readonly string[] =>
  Object.entries(mapping.rules).flatMap(([table, { leaveOut = [] }]) =>
    leaveOut.map((column) => `${table}.${renameColumn(mapping, table, column)}`),
  );

/** Whoever mends it on legacy looks for legacy's name. */
export function nameSource(finding: DriftFinding, mapping: Mapping): DriftFinding {
  const [table = '', column] = finding.place.split(/\.(.*)/s);
  const legacyTable = mapping.toLegacyTable(table) ?? table;
  const own = column?.replace(/ \(legacy's own\)$/, '');
  const legacyColumn = column === own ? (mapping.toLegacyColumn(table, own ?? '') ?? own) : own;
  const source = column === undefined ? legacyTable : `${legacyTable}.${legacyColumn}`;
  return source === finding.place || finding.tenant === undefined
    ? finding
    : Object.freeze({ ...finding, source });
}

// Texts in quotes, quoted names, casts to a type, functions and names behind a dot are no columns; whatever is left by itself is one.
const TOKEN =
  /'(?:[^']|'')*'|::\s*"?[\w.]+"?(?: varying| precision| with(?:out)? time zone)?|"((?:[^"]|"")+)"|(?<![\w."$])([a-z_][\w$]*)(?![\w$]*\s*\()/g;
const PLAIN = /^[a-z_][a-z0-9_$]*$/;

/** A CHECK, or what makes a unique index special, with the new names of columns. As PostgreSQL prints them. */
export function renameInside(expression: string, rename: (column: string) => string): string {
  return expression.replaceAll(TOKEN, (whole, quoted?: string, plain?: string) => {
    const column = quoted?.replaceAll('""', '"') ?? plain;
    if (column === undefined) return whole;
    const renamed = rename(column);
    if (renamed === column) return whole;
    return PLAIN.test(renamed) ? renamed : `"${renamed.replaceAll('"', '""')}"`;
  });
}
