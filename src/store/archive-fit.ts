import type { ArchiveHeader } from './archive-format.ts';
import type { ArchiveTable } from './archive-tables.ts';
import { StoreRefusal } from './errors.ts';

/** A table of the store, with the columns that the archive has of it, quoted, in the archive's order. */
export type FittedTable = Readonly<{
  name: string;
  place: string;
  columns: readonly string[];
  order: string;
  counted: string | undefined;
}>;

/**
 * The store may have more than the archive: tables, and columns that fill themselves. It must have everything that the archive has, with
 * the same types; their lengths may differ, since each row is looked at. Throws StoreRefusal with every finding.
 */
export function fitTables(header: ArchiveHeader, tables: readonly ArchiveTable[]): readonly FittedTable[] {
  const findings = header.tables.flatMap((told) => findMisfits(told, tables));
  const state = header.migrations.at(-1);
  if (findings.length > 0)
    throw new StoreRefusal([
      ...findings,
      `The archive was written at the migration ${state ?? 'that is unknown'}: restore it into a store that is there, and bring that one up by "banyan migrate".`,
    ]);
  return header.tables.map(({ name, columns }) => fit(find(tables, name), columns));
}

function findMisfits(
  { name, columns }: ArchiveHeader['tables'][number],
  tables: readonly ArchiveTable[],
): readonly string[] {
  const table = tables.find((one) => one.name === name);
  if (table === undefined) return [`The store has no table ${name}.`];
  const lacking = table.columns.filter(
    (own) => own.isNeeded && !columns.some((column) => column.name === own.name),
  );
  return [
    ...columns.flatMap((column) => {
      const own = table.columns.find((one) => one.name === column.name);
      if (own === undefined) return [`The store's ${name} has no column ${column.name}.`];
      if (withoutLength(own.type) === withoutLength(column.type)) return [];
      return [`${name}.${column.name} is ${own.type} in the store and ${column.type} in the archive.`];
    }),
    ...lacking.map((own) => `The archive's ${name} has no ${own.name}, which the store needs for each row.`),
  ];
}

const withoutLength = (type: string): string => type.replace(/\(\d+(,-?\d+)?\)/, '');

function fit(table: ArchiveTable, columns: readonly Readonly<{ name: string }>[]): FittedTable {
  const places = new Map(table.columns.map(({ name, place }) => [name, place]));
  return {
    name: table.name,
    place: table.place,
    columns: columns.flatMap(({ name }) => places.get(name) ?? []),
    order: table.order,
    counted: table.counted,
  };
}

function find(tables: readonly ArchiveTable[], name: string): ArchiveTable {
  const table = tables.find((one) => one.name === name);
  if (table === undefined) throw new Error(`${name} was there a moment ago`);
  return table;
}
