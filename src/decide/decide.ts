import {
  type BreakerState,
  type Caller,
  type Decision,
  type Emit,
  type FeatureName,
  hasScope,
  QA_SCOPE,
  type Revision,
  type Side,
} from '../vocabulary/index.ts';
import { type BreakerBoard, createBreakerBoard } from './breaker-board.ts';
import { BREAKER_DEFAULTS, type BreakerSettings } from './feature-breaker.ts';
import { defineFlags, type FlagReading } from './flag-reader.ts';
import type { Mistake } from './mistake.ts';
import type { Match } from './route-matcher.ts';
import { asksBreaker, type Ruling, ruleByStage, ruleWhileResting, UNLISTED } from './ruling.ts';
import { createSnapshot, type Snapshot } from './snapshot.ts';
import type { RouteRow } from './table.ts';
import { openTableKeeper } from './table-keeper.ts';

export type DecideOptions = Readonly<{
  /** The route table. */
  file: string;
  /** The names of the new side's handlers. */
  handlers: readonly string[];
  emit: Emit;
  breaker?: Partial<BreakerSettings>;
}>;

export type ReloadResult =
  | Readonly<{ kind: 'in_force'; revision: Revision }>
  | Readonly<{ kind: 'refused'; mistakes: readonly Mistake[] }>;

export interface Decide {
  /** The snapshot in force. A property read: pin it once per request and hand it on. */
  pin(): Snapshot;
  match(snapshot: Snapshot, method: string, path: string): Match;
  /** `wish` is honoured for a caller with scope `qa` only. */
  decide(snapshot: Snapshot, match: Match, caller: Caller, wish: Side | undefined): Decision;
  /** How the new side has done: feeds the feature's breaker. */
  reportNew(feature: FeatureName, outcome: 'ok' | 'failed'): void;
  breakers(): ReadonlyMap<FeatureName, BreakerState>;
  /** The text that is in force. */
  source(): Readonly<{ text: string; revision: Revision }>;
  /** Looks at the file now; afterwards a good table is in force. */
  reload(): Promise<ReloadResult>;
  close(): Promise<void>;
}

/** Opens the table file and keeps it in force. Throws a TableRefusal that lists every mistake if there is no good table. */
export async function openDecide(options: DecideOptions): Promise<Decide> {
  const { file, handlers, emit } = options;
  const board = createBreakerBoard({ ...BREAKER_DEFAULTS, ...options.breaker }, emit);
  const putInForce = (good: { table: Parameters<typeof createSnapshot>[0] }): Snapshot => {
    const next = createSnapshot(good.table, defineFlags(good.table.flags), emit);
    board.keepOnly(next.features);
    const { revision, rows, flagSet } = next;
    emit({
      type: 'table_swapped',
      revision,
      source: file,
      routes: rows.length,
      flags: flagSet.definitions.length,
    });
    return next;
  };
  const keeper = await openTableKeeper({
    file,
    surroundings: { handlers, flagSource: 'file' },
    emit,
    onTable: (good) => {
      snapshot = putInForce(good);
    },
  });
  let snapshot = putInForce(keeper.current());
  emit({ type: 'flags_changed', source: 'file', state: 'ready', detail: `the flags of ${file}` });
  return {
    pin: () => snapshot,
    match: (pinned, method, path) => pinned.find(method, path),
    decide: (pinned, match, caller, wish) => decide(pinned, match, caller, wish, board),
    reportNew: (feature, outcome) => board.find(feature)?.report(outcome),
    breakers: () => board.states(),
    source: () => ({ text: keeper.current().text, revision: snapshot.revision }),
    async reload() {
      const result = await keeper.look();
      if (result.kind === 'bad') return { kind: 'refused', mistakes: result.mistakes };
      return { kind: 'in_force', revision: snapshot.revision };
    },
    async close() {
      keeper.close();
      board.close();
    },
  };
}

function decide(
  snapshot: Snapshot,
  match: Match,
  caller: Caller,
  wish: Side | undefined,
  board: BreakerBoard,
): Decision {
  const { row } = match;
  if (!row) return describeDecision(snapshot, match, UNLISTED, undefined);
  const honoured = wish !== undefined && hasScope(caller, QA_SCOPE) ? wish : undefined;
  const reading = readFlagOf(snapshot, row, caller);
  const ruling = ruleByStage(row, caller.tenant, reading ?? 'unknown', honoured);
  const isHeldBack = asksBreaker(ruling) && board.find(row.feature)?.holdsBack(match.timeoutMs);
  return describeDecision(
    snapshot,
    match,
    isHeldBack ? ruleWhileResting(match.whenResting) : ruling,
    reading,
  );
}

/** Undefined where the flag is not asked. */
function readFlagOf(snapshot: Snapshot, row: RouteRow, caller: Caller): FlagReading | undefined {
  if (row.stage !== 'canary' || row.flag === undefined || caller.tenant === undefined) return undefined;
  return snapshot.readFlag(row.flag, caller.tenant, caller.kind === 'known' ? caller.user : undefined);
}

function describeDecision(
  { revision }: Snapshot,
  { row, params, timeoutMs, ifNewFails }: Match,
  { side, shadow, reason }: Ruling,
  reading: FlagReading | undefined,
): Decision {
  return Object.freeze({
    revision,
    stage: row?.stage ?? 'legacy',
    side,
    shadow,
    reason,
    timeoutMs,
    // Whoever forces a side wants that side's answer and no other's.
    ifNewFails: reason === 'forced' ? 'refuse' : ifNewFails,
    route: row?.id,
    feature: row?.feature,
    flag: row?.stage === 'canary' && row.flag !== undefined ? describeFlag(row.flag, reading) : undefined,
    handler: row?.handler,
    params,
  });
}

function describeFlag(name: NonNullable<RouteRow['flag']>, reading: FlagReading | undefined) {
  return Object.freeze({ name, on: reading === 'on' ? true : reading === 'off' ? false : undefined });
}
