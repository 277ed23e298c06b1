/** Where one table of the new side has its rows from, as far as names differ. */
export type TableRule = Readonly<{
  /** Legacy's table; without it that of the same name. */
  from?: string | undefined;
  /** Columns of the new side with legacy's of another name. */
  columns?: Readonly<Record<string, string>> | undefined;
  /** Legacy's columns that are not carried. */
  leaveOut?: readonly string[] | undefined;
}>;

/** By the new side's table. Names that are not listed are the same on both sides. */
export type MappingRules = Readonly<Record<string, TableRule>>;

/**
 * Names on legacy and on the new side. Each direction undoes the other, whatever the rules are; undefined: the other side has nothing of
 * that name. Used where rows and catalogs of legacy come in or go out, so that everything between speaks the new side's names.
 */
export type Mapping = Readonly<{
  /** Without what says nothing, in one order: equal mappings have equal texts as JSON. */
  rules: MappingRules;
  /** Whether this table's name and all its columns' are the same. */
  isEqual(table: string): boolean;
  toLegacyTable(table: string): string | undefined;
  toNewTable(legacyTable: string): string | undefined;
  /** `table` is the new side's in both directions. */
  toLegacyColumn(table: string, column: string): string | undefined;
  toNewColumn(table: string, legacyColumn: string): string | undefined;
}>;

/** The column that every table of the new side has, and legacy has not. */
const TENANT_COLUMN = 'tenant_id';

type Names = Readonly<{
  toLegacy(name: string): string | undefined;
  toNew(name: string): string | undefined;
}>;

/** What is listed, and every other name that neither side of the list takes: one to one by construction. */
function pairNames(listed: ReadonlyMap<string, string>, nowhere: ReadonlySet<string> = new Set()): Names {
  const toLegacy = new Map<string, string>();
  const toNew = new Map<string, string>();
  for (const [name, legacy] of listed) {
    if (toNew.has(legacy) || nowhere.has(legacy)) continue;
    toLegacy.set(name, legacy);
    toNew.set(legacy, name);
  }
  return {
    toLegacy: (name) =>
      toLegacy.get(name) ?? (listed.has(name) || toNew.has(name) || nowhere.has(name) ? undefined : name),
    toNew: (legacy) =>
      toNew.get(legacy) ??
      (listed.has(legacy) || toLegacy.has(legacy) || nowhere.has(legacy) ? undefined : legacy),
  };
}

export function makeMapping(wished: MappingRules): Mapping {
  const rules = tidyRules(wished);
  const tables = pairNames(new Map(Object.entries(rules).map(([table, { from }]) => [table, from ?? table])));
  const columns = new Map(
    Object.entries(rules).map(([table, rule]) => [
      table,
      pairNames(new Map(Object.entries(rule.columns ?? {})), new Set(rule.leaveOut)),
    ]),
  );
  return Object.freeze({
    rules,
    isEqual: (table) => !Object.hasOwn(rules, table) && tables.toLegacy(table) === table,
    toLegacyTable: tables.toLegacy,
    toNewTable: tables.toNew,
    toLegacyColumn(table, column) {
      if (column === TENANT_COLUMN) return undefined;
      const names = columns.get(table);
      return names ? names.toLegacy(column) : column;
    },
    toNewColumn(table, legacyColumn) {
      const names = columns.get(table);
      const column = names ? names.toNew(legacyColumn) : legacyColumn;
      return column === TENANT_COLUMN ? undefined : column;
    },
  } satisfies Mapping);
}

function tidyRules(wished: MappingRules): MappingRules {
  const tidy = Object.entries(wished).flatMap(([table, { from = table, columns = {}, leaveOut = [] }]) => {
    const renamed = sortEntries(Object.entries(columns).filter(([name, legacy]) => name !== legacy));
    const rule: TableRule = Object.freeze({
      ...(from !== table && { from }),
      ...(renamed.length > 0 && { columns: Object.freeze(Object.fromEntries(renamed)) }),
      ...(leaveOut.length > 0 && { leaveOut: Object.freeze([...new Set(leaveOut)].sort()) }),
    });
    return Object.keys(rule).length > 0 ? [[table, rule] as const] : [];
  });
  return Object.freeze(Object.fromEntries(sortEntries(tidy)));
}

const sortEntries = <Value>(entries: readonly (readonly [string, Value])[]) =>
  [...entries].sort(([one], [other]) => (one < other ? -1 : 1));

/** One mapping of several features, whose tables are their own. */
export function joinMappings(features: readonly Readonly<{ mapping: MappingRules | undefined }>[]): Mapping {
  return makeMapping(Object.fromEntries(features.flatMap(({ mapping }) => Object.entries(mapping ?? {}))));
}

/** All names are the same on both sides. */
export const EQUAL_NAMES: Mapping = makeMapping({});

export const isSameMapping = (one: Mapping, other: Mapping): boolean =>
  JSON.stringify(one.rules) === JSON.stringify(other.rules);

/** Where a mapping would not be one to one: at a rule's table, or at one of its columns. `with`: what takes the same name of legacy. */
export type MappingClash = Readonly<{ table: string; with: string; legacy: string }> &
  (
    | Readonly<{ what: 'table_twice' }>
    | Readonly<{ what: 'column_twice' | 'column_left_out'; column: string }>
  );

/** `tables`: all that the new side is known to have. Swapped names are no clash. */
export function listClashes(rules: MappingRules, tables: readonly string[]): readonly MappingClash[] {
  return [...listTableClashes(rules, tables), ...Object.entries(rules).flatMap(listColumnClashes)];
}

function listTableClashes(rules: MappingRules, tables: readonly string[]): readonly MappingClash[] {
  const sourceOf = (table: string) => (Object.hasOwn(rules, table) ? rules[table]?.from : undefined) ?? table;
  const taken = new Map<string, string>();
  const plain = tables.filter((table) => sourceOf(table) === table);
  for (const table of plain) taken.set(table, table);
  return Object.keys(rules).flatMap((table): readonly MappingClash[] => {
    const legacy = sourceOf(table);
    const other = taken.get(legacy);
    if (other === undefined) taken.set(legacy, table);
    return other === undefined || other === table
      ? []
      : [{ what: 'table_twice', table, legacy, with: other }];
  });
}

function listColumnClashes([table, rule]: readonly [string, TableRule]): readonly MappingClash[] {
  const taken = new Map<string, string>();
  const out = new Set(rule.leaveOut);
  return Object.entries(rule.columns ?? {}).flatMap(([column, legacy]): readonly MappingClash[] => {
    const other = taken.get(legacy);
    taken.set(legacy, other ?? column);
    if (other !== undefined) return [{ what: 'column_twice', table, column, legacy, with: other }];
    return out.has(legacy) ? [{ what: 'column_left_out', table, column, legacy, with: 'leave_out' }] : [];
  });
}
