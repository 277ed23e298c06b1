import type {
  Caller,
  Decision,
  Emit,
  FeatureName,
  FlagName,
  NewSideRest,
  OwnerOf,
  Revision,
  TenantName,
} from '../vocabulary/index.ts';
import { makeDecision } from './decision.ts';
import { type Declared, declareOwner } from './declared-owner.ts';
import { type Explanation, explainDecision, type Question } from './explanation.ts';
import type { FlagSet } from './flag-evaluator.ts';
import { createFlagReader, defineFlags } from './flag-reader.ts';
import type { Mistake } from './mistake.ts';
import { rememberEach } from './remember.ts';
import { createMatcher, type Match } from './route-matcher.ts';
import type { Asking } from './shadowing.ts';
import { createSnapshot, type Snapshot } from './snapshot.ts';
import type { FeatureEntry, Table } from './table.ts';
import type { EditResult, TableChange } from './table-edit.ts';
import { openTableKeeper, type TableKeeper } from './table-keeper.ts';
import type { TableResult } from './table-reader.ts';
import type { UnleashSettings } from './unleash-connection.ts';
import { openUnleashFlags } from './unleash-flags.ts';

export type DecideOptions = Readonly<{
  /** The route table. */
  file: string;
  /** The names of the new side's handlers. */
  handlers: readonly string[];
  emit: Emit;
  /** The source of flags; without it the `flags` of the table are. */
  unleash?: UnleashSettings | undefined;
  /** Which features' new side rests after failures; without it none. */
  newSide?: NewSideRest | undefined;
  /** Told of the features of each table before it is in force. */
  onFeatures?: ((features: readonly FeatureEntry[]) => void) | undefined;
  /** The tenants that the new side knows; without it all. Legacy answers the others, wherever there still is a legacy. */
  isTenant?: ((name: TenantName) => boolean) | undefined;
  /** Whose a tenant's feature is while its rows are being moved; without it nobody moves any. */
  ownerOf?: OwnerOf | undefined;
}>;

export type ReloadResult =
  | Readonly<{ kind: 'in_force'; revision: Revision }>
  | Readonly<{ kind: 'refused'; mistakes: readonly Mistake[] }>;

export interface Decide {
  readonly flagSource: 'file' | 'unleash';
  /** The snapshot in force. A property read: pin it once per request and hand it on. */
  pin(): Snapshot;
  match(snapshot: Snapshot, method: string, path: string): Match;
  /** A wish is honoured for a caller with scope `qa` only. */
  decide(snapshot: Snapshot, match: Match, caller: Caller, asking: Asking): Decision;
  explain(question: Question): Explanation;
  /** Who shall own a tenant's feature, if table and flags have their way. */
  declares(tenant: TenantName, feature: FeatureName): Declared;
  /** The text that is in force. */
  source(): Readonly<{ text: string; revision: Revision }>;
  /** Looks at the file now; afterwards a good table is in force. */
  reload(): Promise<ReloadResult>;
  /** Reads a text as if it were the file's. Nobody waits for a long one but who asked. */
  readTable(text: string): Promise<TableResult>;
  /** Makes a change in a text: see `editTable`. */
  editTable(text: string, change: TableChange): Promise<EditResult>;
  close(): Promise<void>;
}

/**
 * Opens the table file and keeps it in force. Throws a TableRefusal that lists every mistake if there is no good table.
 * Ready within 2 s even while the flag service is silent: until it speaks, every flag is unknown and legacy answers.
 */
export async function openDecide(options: DecideOptions): Promise<Decide> {
  const { file, handlers, emit } = options;
  const flagSource = options.unleash ? 'unleash' : 'file';
  const { newSide = NEVER_RESTS, onFeatures = () => undefined } = options;
  const keeper = await openTableKeeper({
    file,
    surroundings: { handlers, flagSource },
    emit,
    onTable: ({ table }) => swapTable(table),
  });
  let flags: FlagSet | undefined;
  const snapshotParts = {
    findIn: rememberEach(createMatcher),
    readerOf: rememberEach((flagSet: FlagSet) => createFlagReader(flagSet, emit)),
  };
  const flagsOf = rememberEach((table: Table) => defineFlags(table.flags));
  const takeSnapshot = (table: Table) => createSnapshot(table, flags ?? flagsOf(table), snapshotParts);
  const swapTable = (table: Table, source: string = file) => {
    onFeatures(table.features);
    snapshot = takeSnapshot(table);
    const { revision, rows, flagSet } = snapshot;
    emit({
      type: 'table_swapped',
      revision,
      source,
      routes: rows.length,
      flags: flagSet.definitions.length,
    });
  };
  let snapshot = takeSnapshot(keeper.current().table);
  const unleash = options.unleash
    ? await openUnleashFlags({
        settings: options.unleash,
        emit,
        listNeeded: () => listFlags(keeper.current().table),
        onFlags(set) {
          flags = set;
          // A flag that changed on the server is a new revision like any other.
          swapTable(keeper.current().table, 'unleash');
        },
      })
    : undefined;
  flags = unleash?.current();
  swapTable(keeper.current().table);
  if (!unleash)
    emit({ type: 'flags_changed', source: 'file', state: 'ready', detail: `the flags of ${file}` });
  return {
    flagSource,
    ...openDoors(() => snapshot, keeper, newSide, options),
    async close() {
      keeper.close();
      unleash?.close();
    },
  };
}

const NEVER_RESTS: NewSideRest = {
  isResting: () => false,
  state: () => 'closed',
};

function listFlags({ features }: Table): readonly FlagName[] {
  return features.flatMap(({ flag }) => (flag === undefined ? [] : [flag]));
}

function openDoors(
  pin: () => Snapshot,
  keeper: TableKeeper,
  newSide: NewSideRest,
  { isTenant = () => true, ownerOf = () => undefined }: Pick<DecideOptions, 'isTenant' | 'ownerOf'>,
): Omit<Decide, 'close' | 'flagSource'> {
  // A customer who signed up with legacy yesterday is, to the new side, nobody.
  const place = (caller: Caller): Caller =>
    caller.tenant === undefined || isTenant(caller.tenant)
      ? caller
      : { kind: 'anonymous', tenant: undefined };
  const circumstances = { isResting: newSide.isResting, ownerOf };
  return {
    pin,
    match: (pinned, method, path) => pinned.find(method, path),
    decide: (pinned, match, caller, asking) =>
      makeDecision(pinned, match, place(caller), asking, circumstances),
    explain: (question) => explainDecision(pin(), question, newSide, place, ownerOf),
    declares: (tenant, feature) => declareOwner(pin(), tenant, feature),
    source: () => ({ text: keeper.current().text, revision: pin().revision }),
    readTable: keeper.desk.read,
    editTable: keeper.desk.edit,
    async reload() {
      const result = await keeper.look();
      if (result.kind === 'bad') return { kind: 'refused', mistakes: result.mistakes };
      return { kind: 'in_force', revision: pin().revision };
    },
  };
}
