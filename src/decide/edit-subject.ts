import { type Mistake, suggestNearest } from './mistake.ts';
import { mistakeAt } from './schema-mistakes.ts';
import type { FeatureEntry, FlagEntry, RouteRow, Table } from './table.ts';
import type { TableDocument } from './table-document.ts';

/** What a flip is about: one route, or all routes of a feature, and the flag that they share. */
export type Subject = Readonly<{
  name: string;
  kind: 'route' | 'feature';
  rows: readonly RouteRow[];
  /** The route's, or the one that is meant. */
  feature: FeatureEntry | undefined;
  flag: FlagEntry | undefined;
}>;

export function findSubject(table: Table, name: string): Subject | undefined {
  const rows = table.rows.filter((row) => row.id === name);
  const isFeature = table.features.some((feature) => feature.name === name);
  if (rows.length === 0 && !isFeature) return undefined;
  const featureName = isFeature ? name : rows[0]?.feature;
  const feature = table.features.find((known) => known.name === featureName);
  return {
    name,
    kind: isFeature ? 'feature' : 'route',
    feature,
    rows: isFeature ? table.rows.filter((row) => row.feature === name) : rows,
    flag: table.flags.find((flag) => flag.name === feature?.flag),
  };
}

export function refuseUnknown(document: TableDocument, table: Table, name: string): Mistake {
  const known = [...table.features.map((feature) => feature.name), ...table.rows.map(({ id }) => id)];
  const message = `expected a route or a feature of the table, found "${name}"${suggestNearest(name, known)}`;
  return mistakeAt(document, [], 'value', message);
}

/** One sentence. */
export function describeSubject({ name, rows, flag }: Subject): string {
  const stages = [...new Set(rows.map(({ stage }) => stage))];
  const which = rows.length === 1 ? '1 route' : `${rows.length} routes`;
  const parts = [`${name}: ${which} at stage ${stages.join(' and ') || 'none'}`];
  if (flag) {
    parts.push(`flag ${flag.name} at ${flag.percent} %`);
    if (flag.tenants.length > 0) parts.push(`always on for ${flag.tenants.join(', ')}`);
    if (flag.except.length > 0) parts.push(`always off for ${flag.except.join(', ')}`);
  }
  const forced = rows.filter(({ forcedBy }) => forcedBy !== undefined);
  if (forced.length > 0) parts.push(`forced to legacy: ${forced.map(({ id }) => id).join(', ')}`);
  return `${parts.join('; ')}.`;
}
