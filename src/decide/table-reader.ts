import { hash } from 'node:crypto';
import type { FeatureName, FlagName, MappingRules } from '../vocabulary/index.ts';
import { draftTable } from './draft.ts';
import { freezeDeep } from './freeze.ts';
import { joinMirror } from './mirror-rules.ts';
import type { RawMirror } from './mirror-schema.ts';
import type { Mistake } from './mistake.ts';
import { checkOverlaps } from './overlap-rules.ts';
import { describeIssues, mistakeAt } from './schema-mistakes.ts';
import type { FeatureEntry, FlagEntry, RouteRow, Table } from './table.ts';
import { parseTableText, type TableDocument } from './table-document.ts';
import { type Complain, checkRules, type Surroundings } from './table-rules.ts';
import { type RawRoute, type RawTable, tableSchema } from './table-schema.ts';

export type TableResult =
  | Readonly<{ kind: 'table'; table: Table }>
  | Readonly<{ kind: 'mistakes'; mistakes: readonly Mistake[] }>;

const DEFAULT_TIMEOUT_MS = 30_000;
/** More would bury the first ones, which are the ones to mend. */
const MOST_MISTAKES = 200;
/** Words cost time: nobody is helped by a hundred thousand suggestions. */
const MOST_COLLECTED = 1000;

/** Reads a table text: the whole table, or every mistake in it, in the order of the text. Pure. */
export function readTable(text: string, surroundings: Partial<Surroundings> = {}): TableResult {
  const document = parseTableText(text);
  const parsed = tableSchema.safeParse(document.value);
  const issues =
    parsed.success || !document.yaml ? [] : describeIssues(document, parsed.error.issues, MOST_COLLECTED);
  const mistakes = document.mistakes.concat(issues);
  const complain: Complain = (path, message, part = 'value') => {
    if (mistakes.length > MOST_COLLECTED) return;
    mistakes.push(mistakeAt(document, path, part, typeof message === 'string' ? message : message()));
  };
  const draft = draftTable(document.value);
  checkRules(draft, { handlers: undefined, flagSource: 'file', ...surroundings }, complain);
  checkOverlaps(draft, complain);
  if (parsed.success && mistakes.length === 0) return { kind: 'table', table: buildTable(parsed.data) };
  return { kind: 'mistakes', mistakes: sortMistakes(dropEchoes(document, mistakes)) };
}

/** What a line with a slip of syntax was taken for is no mistake of its own. */
function dropEchoes(
  { mistakes: slips, isTorn }: TableDocument,
  mistakes: readonly Mistake[],
): readonly Mistake[] {
  if (!isTorn) return mistakes;
  const lines = new Set(slips.map(({ line }) => line));
  const own = new Set(slips);
  return mistakes.filter((mistake) => own.has(mistake) || !lines.has(mistake.line));
}

function sortMistakes(mistakes: readonly Mistake[]): readonly Mistake[] {
  const distinct = new Map(
    mistakes.map((mistake) => [`${mistake.line}:${mistake.column}:${mistake.message}`, mistake]),
  );
  return [...distinct.values()]
    .sort((one, other) => one.line - other.line || one.column - other.column)
    .slice(0, MOST_MISTAKES);
}

function buildTable(raw: RawTable): Table {
  const defaults = {
    admit: raw.defaults?.admit ?? 'required',
    stage: raw.defaults?.stage ?? 'legacy',
    timeoutMs: raw.defaults?.timeout_ms ?? DEFAULT_TIMEOUT_MS,
  } as const;
  const features = Object.entries(raw.features ?? {}).map(
    ([name, { flag, force, tables, mapping, max_in_flight }]): FeatureEntry => ({
      name: name as FeatureName,
      flag,
      force,
      tables: tables ?? [],
      mapping: buildMapping(mapping),
      maxInFlight: max_in_flight,
    }),
  );
  const flags = Object.entries(raw.flags ?? {}).map(
    ([name, { percent, tenants, except }]): FlagEntry => ({
      name: name as FlagName,
      percent: percent ?? 0,
      tenants: tenants ?? [],
      except: except ?? [],
    }),
  );
  const byName = new Map<string, FeatureEntry>(features.map((feature) => [feature.name, feature]));
  const rows = raw.routes.map((route) => buildRow(route, raw.defaults?.mirror, byName, defaults));
  const exposeSide = raw.expose_side ?? false;
  const said = { exposeSide, byHost: raw.tenants?.by_host, defaults, flags, features, rows };
  return freezeDeep({ hash: hash('sha256', JSON.stringify(said)), ...said });
}

type RawFeature = NonNullable<RawTable['features']>[string];

function buildMapping(raw: RawFeature['mapping']): MappingRules | undefined {
  if (raw === undefined) return undefined;
  const rules = Object.entries(raw).map(
    ([table, { from, columns, leave_out: leaveOut }]) => [table, { from, columns, leaveOut }] as const,
  );
  return Object.fromEntries(rules);
}

function buildRow(
  raw: RawRoute,
  mirrorOfAll: RawMirror | undefined,
  features: ReadonlyMap<string, FeatureEntry>,
  defaults: Table['defaults'],
): RouteRow {
  const { method, path, over } = raw.match;
  const feature = raw.feature === undefined ? undefined : features.get(raw.feature);
  const stage = raw.stage ?? defaults.stage;
  return {
    id: raw.id,
    methods: typeof method === 'string' ? [method] : method,
    path,
    over: over ?? [],
    feature: raw.feature,
    flag: feature?.flag,
    tables: feature?.tables ?? [],
    stage,
    forcedBy: stage === 'retired' ? undefined : findForce(raw, feature),
    handler: raw.handle,
    admit: raw.admit ?? defaults.admit,
    timeoutMs: raw.timeout_ms ?? defaults.timeoutMs,
    mirror: joinMirror(mirrorOfAll, raw.mirror),
    ifNewFails: raw.if_new_fails,
  };
}

function findForce(raw: RawRoute, feature: FeatureEntry | undefined): RouteRow['forcedBy'] {
  if (raw.force) return 'route';
  return feature?.force && 'feature';
}
