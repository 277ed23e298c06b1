import type { Mistake } from './mistake.ts';
import { mistakeAt } from './schema-mistakes.ts';
import type { RouteRow } from './table.ts';
import type { Bench } from './table-edit.ts';

/** Why a change that concerns what is forced to legacy cannot be made. */
export function findForceRefusal(bench: Bench): Mistake | undefined {
  const { force } = bench.change;
  if (force === 'legacy') return refuseRetired(bench);
  return refuseReleaseOfPart(bench) ?? refuseIdle(bench);
}

function refuseRetired({ document, table, subject }: Bench): Mistake | undefined {
  const [first] = subject.rows;
  if (!first || subject.rows.some(({ stage }) => stage !== 'retired')) return undefined;
  const message = `expected a route that legacy can still answer, found ${first.id} retired: it cannot be forced to legacy`;
  return mistakeAt(document, ['routes', table.rows.indexOf(first), 'stage'], 'value', message);
}

/** A feature is forced as a whole: one of its routes alone cannot leave. */
function refuseReleaseOfPart({ document, subject, change }: Bench): Mistake | undefined {
  const [row] = subject.rows;
  if (change.force !== 'none' || subject.kind === 'feature' || row?.forcedBy !== 'feature') return undefined;
  const message = `expected a route that is forced by itself, found ${row.id} forced to legacy by its feature: release ${row.feature}`;
  return mistakeAt(document, ['features', row.feature ?? '', 'force'], 'key', message);
}

/** A flip that changes nothing for anybody, since legacy is forced, would look like one that does. */
function refuseIdle(bench: Bench): Mistake | undefined {
  const { document, table, subject } = bench;
  const open = subject.rows.filter(({ stage }) => stage !== 'retired');
  const [first] = open;
  if (!first || !goesAway(bench) || open.some((row) => !staysForced(bench, row))) return undefined;
  const isOfFeature = subject.feature?.force !== undefined;
  const path = isOfFeature ? ['features', subject.feature.name] : ['routes', table.rows.indexOf(first)];
  const message = `expected ${subject.name} to be free, found it forced to legacy: say so if that is over (--release on the command line, "force": null in the API, for ${isOfFeature ? subject.feature.name : subject.name})`;
  return mistakeAt(document, [...path, 'force'], 'key', message);
}

function goesAway({ change: { stage, percent, tenants, except, move } }: Bench): boolean {
  const asksFlag = [percent, tenants, except, move].some((part) => part !== undefined);
  return asksFlag || (stage !== undefined && stage !== 'legacy');
}

function staysForced({ subject, change }: Bench, { forcedBy }: RouteRow): boolean {
  if (change.force !== 'none') return forcedBy !== undefined;
  return subject.kind === 'feature' ? forcedBy === 'route' : subject.feature?.force !== undefined;
}
