import type {
  AdmitPolicy,
  BreakerState,
  FeatureName,
  FlagName,
  IfNewFails,
  Reason,
  Revision,
  RouteId,
  Side,
  Stage,
  TenantName,
} from '../vocabulary/index.ts';

export type RouteView = Readonly<{
  id: RouteId;
  methods: readonly string[];
  path: string;
  feature: FeatureName | undefined;
  stage: Stage;
  flag: FlagName | undefined;
  handler: string | undefined;
  admit: AdmitPolicy;
  timeoutMs: number;
  ifNewFails: IfNewFails;
}>;

export type FeatureView = Readonly<{
  name: FeatureName;
  flag: FlagName | undefined;
  tables: readonly string[];
}>;

export type FlagView = Readonly<{
  name: FlagName;
  /** 0 to 100, down to 0.01. */
  percent: number;
  tenants: readonly TenantName[];
  except: readonly TenantName[];
}>;

/** What operators see of a table. */
export type TableView = Readonly<{
  routes: readonly RouteView[];
  features: readonly FeatureView[];
  flags: readonly FlagView[];
}>;

export type Breakers = ReadonlyMap<FeatureName, BreakerState>;

/** A flip in the words of the table. What is undefined stays as it is. */
export type TableChange = Readonly<{
  subject: RouteId | FeatureName;
  stage: Stage | undefined;
  percent: number | undefined;
  tenants: readonly TenantName[] | undefined;
  except: readonly TenantName[] | undefined;
}>;

/** One thing wrong with a table text. Lines and columns count from 1. */
export type TableMistake = Readonly<{ line: number; column: number; path: string; message: string }>;

/** `routes.config.yaml:14:5: message`, as compilers print it. */
export function printMistakes(file: string, mistakes: readonly TableMistake[]): readonly string[] {
  return mistakes.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
}

export type ReadResult =
  | Readonly<{ kind: 'table'; table: TableView }>
  | Readonly<{ kind: 'mistakes'; mistakes: readonly TableMistake[] }>;

/** What decide knows of table texts; pure. */
export type TableTexts = Readonly<{
  read(text: string, file: string): ReadResult;
  /** The text with the change made; comments and order stay. */
  edit(text: string, change: TableChange): string;
  jsonSchema(): object;
}>;

export type Explanation = Readonly<{
  revision: Revision;
  method: string;
  path: string;
  tenant: TenantName | undefined;
  route: RouteId | undefined;
  feature: FeatureName | undefined;
  stage: Stage | undefined;
  flag:
    | Readonly<{ name: FlagName; on: boolean | undefined; bucket: number | undefined; why: string }>
    | undefined;
  breaker: BreakerState | undefined;
  side: Side;
  shadow: Side | undefined;
  reason: Reason;
  why: string;
  wouldChange: readonly string[];
}>;

export type Question = Readonly<{ method: string; path: string; tenant: TenantName | undefined }>;

/** The running gateway's decide, as the admin door sees it. */
export interface TableInForce {
  /** The newest good table and its revision. */
  current(): Readonly<{ revision: Revision; table: TableView }>;
  /** Reads the file now; afterwards a good one is in force. Answers the mistakes of a bad one. */
  reload(): Promise<readonly TableMistake[]>;
  explain(question: Question): Explanation;
  breakers(): Breakers;
  readonly flagSource: 'file' | 'unleash';
}
