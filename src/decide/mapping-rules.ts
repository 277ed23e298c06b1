import { listClashes, type MappingClash, type TableRule } from '../vocabulary/index.ts';
import type { FeatureDraft, SourceDraft } from './draft.ts';
import { suggestNearest, type TablePath } from './mistake.ts';
import type { Complain } from './table-rules.ts';

type Places = ReadonlyMap<string, Readonly<{ path: TablePath; rule: TableRule }>>;

/** Every name of legacy has one place on the new side, and the other way round. What the catalogs say of it `banyan move plan` tells. */
export function checkMappings(features: readonly FeatureDraft[], complain: Complain): void {
  const places = new Map<string, Readonly<{ path: TablePath; rule: TableRule }>>();
  for (const feature of features)
    for (const source of feature.mapping) {
      const path = ['features', feature.name, 'mapping', source.table];
      checkSource(feature, source, path, complain);
      places.set(source.table, { path, rule: source.rule });
    }
  const tables = features.flatMap((feature) => feature.tables.filter((table) => table !== undefined));
  const rules = Object.fromEntries([...places].map(([table, { rule }]) => [table, rule]));
  for (const clash of listClashes(rules, [...tables, ...places.keys()])) tellClash(clash, places, complain);
}

function checkSource(feature: FeatureDraft, source: SourceDraft, path: TablePath, complain: Complain): void {
  const known = feature.tables.filter((table) => table !== undefined);
  if (!known.includes(source.table))
    complain(
      path,
      () =>
        `expected a table listed under tables of feature ${feature.name}, found "${source.table}"${suggestNearest(source.table, known)}`,
      'key',
    );
}

function tellClash(clash: MappingClash, places: Places, complain: Complain): void {
  const place = places.get(clash.table);
  if (place === undefined) return;
  const { path, rule } = place;
  if (clash.what === 'table_twice') {
    const isNamed = rule.from !== undefined;
    const other = places.has(clash.with)
      ? `which ${clash.with} has already`
      : `which is table ${clash.with}'s`;
    complain(
      isNamed ? [...path, 'from'] : path,
      `expected each table of legacy once, found "${clash.legacy}", ${other}: map that one, too`,
      isNamed ? 'value' : 'key',
    );
    return;
  }
  const at = [...path, 'columns', clash.column];
  if (clash.what === 'column_twice')
    complain(
      at,
      `expected each column of legacy once, found "${clash.legacy}", which ${clash.with} has already`,
    );
  else complain(at, `expected a column that is carried, found "${clash.legacy}", which leave_out lists`);
}
