import type { Decide, Explanation, Mistake, Question, Table, TableChange } from '../decide/index.ts';
import type {
  AdmitPolicy,
  BreakerView,
  FeatureName,
  FlagName,
  IfNewFails,
  MappingRules,
  MirrorRules,
  Revision,
  RouteId,
  Stage,
  TenantName,
} from '../vocabulary/index.ts';

export type RouteView = Readonly<{
  id: RouteId;
  methods: readonly string[];
  path: string;
  feature: FeatureName | undefined;
  stage: Stage;
  /** Where the table forces it to legacy: the route itself, else its feature. */
  forcedBy: 'route' | 'feature' | undefined;
  flag: FlagName | undefined;
  handler: string | undefined;
  admit: AdmitPolicy;
  timeoutMs: number;
  /** How it is compared at stage shadow, where the table says something of it. */
  mirror: MirrorRules | undefined;
  /** What the table says, or undefined: the default depends on the method. */
  ifNewFails: IfNewFails | undefined;
}>;

export type FeatureView = Readonly<{
  name: FeatureName;
  flag: FlagName | undefined;
  force: 'legacy' | undefined;
  tables: readonly string[];
  /** Where names of its tables differ on legacy; undefined: nowhere. */
  mapping: MappingRules | undefined;
  /** What the table says, or undefined: FEATURE_MAX_IN_FLIGHT. */
  maxInFlight: number | undefined;
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

/** The state of every breaker. A feature that has none yet has never failed. */
export type Breakers = readonly BreakerView[];

export type ReadResult =
  | Readonly<{ kind: 'table'; table: TableView }>
  | Readonly<{ kind: 'mistakes'; mistakes: readonly Mistake[] }>;

export type EditResult =
  | Readonly<{ kind: 'edited'; text: string; table: TableView }>
  | Readonly<{ kind: 'mistakes'; mistakes: readonly Mistake[] }>;

/** What decide knows of table texts; nothing is changed by it. */
export type TableTexts = Readonly<{
  read(text: string): Promise<ReadResult>;
  /** The text with the change made, if it is a good table then; comments and order stay. */
  edit(text: string, change: TableChange): Promise<EditResult>;
  jsonSchema(): object;
}>;

/** The running gateway's decide, as much of it as the admin door needs. */
export type Gateway = Pick<Decide, 'pin' | 'reload' | 'explain' | 'declares' | 'flagSource'>;

/** The same in the operators' words. */
export interface TableInForce {
  current(): Readonly<{ revision: Revision; table: TableView }>;
  /** Reads the file now; afterwards a good one is in force. Answers the mistakes of a bad one. */
  reload(): Promise<readonly Mistake[]>;
  explain(question: Question): Explanation;
  /** Who shall own a tenant's feature, if table and flags have their way. */
  readonly declares: Decide['declares'];
  breakers(): Breakers;
  readonly flagSource: 'file' | 'unleash';
}

export function openTableInForce(gateway: Gateway, breakers: () => Breakers): TableInForce {
  return Object.freeze({
    current: () => {
      const { revision, rows, features, flags } = gateway.pin();
      // With Unleash the file's flags are asked by nobody: to show them would be to lie.
      const asked = gateway.flagSource === 'file' ? flags : [];
      return { revision, table: viewTable({ rows, features, flags: asked }) };
    },
    reload: async () => {
      const result = await gateway.reload();
      return result.kind === 'refused' ? result.mistakes : [];
    },
    explain: gateway.explain,
    declares: gateway.declares,
    breakers,
    flagSource: gateway.flagSource,
  });
}

/** Decide's row has more than operators look at; the names of what they do look at are the same. */
export function viewTable({ rows, features, flags }: Pick<Table, 'rows' | 'features' | 'flags'>): TableView {
  return { routes: rows, features, flags };
}

/** `routes.config.yaml:14:5: message`, as compilers print it; without a place where the whole is meant. */
export function printMistakes(file: string, mistakes: readonly Mistake[]): readonly string[] {
  return mistakes.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
}

/** For a change that cannot be made: what concerns the change and no line of the file stands alone. */
export function printRefusals(file: string, mistakes: readonly Mistake[]): readonly string[] {
  return mistakes.map((mistake) =>
    mistake.path === '' ? mistake.message : String(printMistakes(file, [mistake])[0]),
  );
}
