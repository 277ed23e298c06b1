import type { z } from 'zod';
import type { FeatureName, FlagName, IfNewFails, RouteId, Stage, TableRule } from '../vocabulary/index.ts';
import { listPlaces } from './mirror-rules.ts';
import type { TablePath } from './mistake.ts';
import { cutTemplate, type Segment } from './path-template.ts';
import {
  featureSchema,
  flagSchema,
  type Method,
  matchSchema,
  routeSchema,
  sourceSchema,
  tableSchema,
} from './table-schema.ts';

/** A route as far as it could be read: a field with a mistake of its own is undefined, and the rules about it stay silent. */
export type RouteDraft = Readonly<{
  index: number;
  id: RouteId | undefined;
  methods: readonly Method[] | undefined;
  segments: readonly Segment[] | undefined;
  over: readonly RouteId[];
  feature: FeatureName | undefined;
  stage: Stage | undefined;
  force: 'legacy' | undefined;
  handle: string | undefined;
  /** True where something stands there, good or bad. */
  hasHandle: boolean;
  hasFeature: boolean;
  ifNewFails: IfNewFails | undefined;
}>;

export type FeatureDraft = Readonly<{
  name: string;
  flag: FlagName | undefined;
  hasFlag: boolean;
  force: 'legacy' | undefined;
  tables: readonly (string | undefined)[];
  mapping: readonly SourceDraft[];
}>;
/** A table of a mapping, as far as it could be read. */
export type SourceDraft = Readonly<{
  table: string;
  rule: TableRule;
  leaveOut: readonly (string | undefined)[];
}>;
export type FlagDraft = Readonly<{
  name: string;
  tenants: readonly (string | undefined)[];
  except: readonly (string | undefined)[];
}>;

/** A mirror block: every path and name in it, and where it stands. */
export type MirrorDraft = Readonly<{
  places: readonly Readonly<{ key: string; text: string; path: TablePath; part: 'value' | 'key' }>[];
}>;

/** The table as far as it could be read, for the rules that look at more than one place. */
export type Draft = Readonly<{
  routes: readonly RouteDraft[];
  features: readonly FeatureDraft[];
  flags: readonly FlagDraft[];
  /** Of all routes, then each route's own. */
  mirrors: readonly MirrorDraft[];
}>;

export function draftTable(value: unknown): Draft {
  const table = entriesOf(value);
  const defaultStage = read(tableSchema.shape.defaults.unwrap().shape.stage, entriesOf(table.defaults).stage);
  return {
    routes: itemsOf(table.routes).map((raw, index) => draftRoute(entriesOf(raw), index, defaultStage)),
    features: Object.entries(entriesOf(table.features)).map(([name, raw]) =>
      draftFeature(name, entriesOf(raw)),
    ),
    flags: Object.entries(entriesOf(table.flags)).map(([name, raw]) => draftFlag(name, entriesOf(raw))),
    mirrors: [
      draftMirror(entriesOf(table.defaults), ['defaults']),
      ...itemsOf(table.routes).map((raw, index) => draftMirror(entriesOf(raw), ['routes', index])),
    ],
  };
}

function draftRoute(raw: Entries, index: number, defaultStage: Stage | undefined): RouteDraft {
  const { shape } = routeSchema;
  const match = entriesOf(raw.match);
  const path = read(matchSchema.shape.path, match.path);
  const method = read(matchSchema.shape.method, match.method);
  return {
    index,
    id: read(shape.id, raw.id),
    methods: typeof method === 'string' ? [method] : method,
    segments: path === undefined ? undefined : cutTemplate(path),
    over: read(matchSchema.shape.over, match.over) ?? [],
    feature: read(shape.feature, raw.feature),
    stage: raw.stage === undefined ? (defaultStage ?? 'legacy') : read(shape.stage, raw.stage),
    force: read(shape.force, raw.force),
    handle: read(shape.handle, raw.handle),
    hasHandle: raw.handle !== undefined,
    hasFeature: raw.feature !== undefined,
    ifNewFails: read(shape.if_new_fails, raw.if_new_fails),
  };
}

function draftFeature(name: string, raw: Entries): FeatureDraft {
  const table = featureSchema.shape.tables.unwrap().element;
  return {
    name,
    flag: read(featureSchema.shape.flag, raw.flag),
    hasFlag: raw.flag !== undefined,
    force: read(featureSchema.shape.force, raw.force),
    tables: itemsOf(raw.tables).map((item) => read(table, item)),
    mapping: Object.entries(entriesOf(raw.mapping)).map(([name, source]) =>
      draftSource(name, entriesOf(source)),
    ),
  };
}

function draftSource(table: string, raw: Entries): SourceDraft {
  const { from, columns, leave_out } = sourceSchema.shape;
  const { keyType, valueType } = columns.unwrap();
  const pairs = Object.entries(entriesOf(raw.columns)).flatMap(([column, legacy]) => {
    const [name, source] = [read(keyType, column), read(valueType, legacy)];
    return name === undefined || source === undefined ? [] : [[name, source] as const];
  });
  const leaveOut = itemsOf(raw.leave_out).map((item) => read(leave_out.unwrap().element, item));
  const named = leaveOut.filter((name) => name !== undefined);
  return {
    table,
    rule: { from: read(from, raw.from), columns: Object.fromEntries(pairs), leaveOut: named },
    leaveOut,
  };
}

function draftFlag(name: string, raw: Entries): FlagDraft {
  const tenant = flagSchema.shape.tenants.unwrap().element;
  return {
    name,
    tenants: itemsOf(raw.tenants).map((item) => read(tenant, item)),
    except: itemsOf(raw.except).map((item) => read(tenant, item)),
  };
}

function draftMirror({ mirror }: Entries, at: TablePath): MirrorDraft {
  return { places: listPlaces(entriesOf(mirror), [...at, 'mirror']) };
}

function read<Value>(schema: z.ZodType<Value>, value: unknown): Value | undefined {
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}

type Entries = Readonly<Record<string, unknown>>;
const NONE: Entries = Object.freeze(Object.create(null));

function entriesOf(value: unknown): Entries {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entries) : NONE;
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
