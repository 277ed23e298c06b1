import type {
  AdmitPolicy,
  FeatureName,
  FlagName,
  IfNewFails,
  MappingRules,
  MirrorRules,
  RouteId,
  Stage,
  TenantName,
} from '../vocabulary/index.ts';
import type { Method } from './table-schema.ts';

/** One row of the table, with everything filled in that it left to the defaults. */
export type RouteRow = Readonly<{
  id: RouteId;
  /** As listed; GET also answers HEAD. */
  methods: readonly Method[];
  /** The path template. */
  path: string;
  /** Wider routes that this one goes before. */
  over: readonly RouteId[];
  feature: FeatureName | undefined;
  flag: FlagName | undefined;
  /** The feature's. */
  tables: readonly string[];
  stage: Stage;
  /** Where the table forces it to legacy: the route itself, else its feature. Never on a retired route, which has no legacy any more. */
  forcedBy: 'route' | 'feature' | undefined;
  handler: string | undefined;
  admit: AdmitPolicy;
  timeoutMs: number;
  mirror: MirrorRules | undefined;
  /** What the table says, or undefined: the default depends on the method. */
  ifNewFails: IfNewFails | undefined;
}>;

export type FeatureEntry = Readonly<{
  name: FeatureName;
  flag: FlagName | undefined;
  /** Legacy answers all its routes but the retired ones, whatever else is said. */
  force: 'legacy' | undefined;
  tables: readonly string[];
  /** Where names of its tables differ on legacy; undefined: nowhere. */
  mapping: MappingRules | undefined;
  /** Undefined: FEATURE_MAX_IN_FLIGHT. */
  maxInFlight: number | undefined;
}>;

export type FlagEntry = Readonly<{
  name: FlagName;
  /** 0 to 100 in steps of 0.01. */
  percent: number;
  tenants: readonly TenantName[];
  except: readonly TenantName[];
}>;

/** A whole table without a mistake, deep-frozen. */
export type Table = Readonly<{
  /** SHA-256 of all the rest, hex: the same for texts that say the same. */
  hash: string;
  exposeSide: boolean;
  /** `tenants.by_host`, for example `{tenant}.localhost`. */
  byHost: string | undefined;
  defaults: Readonly<{ admit: AdmitPolicy; stage: Stage; timeoutMs: number }>;
  flags: readonly FlagEntry[];
  features: readonly FeatureEntry[];
  rows: readonly RouteRow[];
}>;
