import { setTimeout as wait } from 'node:timers/promises';
import {
  type Asked,
  type Failure,
  isFailure,
  type MirrorRules,
  type NotComparedReason,
  type SideAnswer,
  type TenantName,
} from '../../vocabulary/index.ts';
import { compareExchanges, differsWithItself, type FoundDifference, isNoise } from '../compare/index.ts';
import { type Fence, listReaderStates } from './fence.ts';
import { type Difference, type Finding, findObstacle, notCompared, SAME } from './finding.ts';
import { type RehearseWish, rehearse } from './rehearse.ts';

export type ReadParts = Readonly<{
  fence: Fence;
  rehearsals: RehearseWish;
  askLegacy(asked: Asked): Promise<SideAnswer | Failure>;
}>;

export type ReadCase = Readonly<{
  asked: Asked;
  tenant: TenantName;
  rules: MirrorRules;
  /** What legacy answered the user, or what it says now. */
  legacy: SideAnswer;
  /** What the new side answered, where it was the one to answer the user. */
  answered: SideAnswer | undefined;
  /** Paths that are noise already. */
  known: readonly string[];
  /** Whether legacy was asked again about such a difference not long ago, and stood by its word. */
  isSettled(difference: FoundDifference): boolean;
}>;

const MOST_STATES = 5;
const MOST_ASKS = 4;
const PAUSE_MS = 40;
/** Legacy is asked so often before a difference that was not settled lately is believed. */
const CONTROLS = 2;

/**
 * Compares a read. The new handler sees the rows as legacy had them; where legacy's rows were in motion around its answer every state that
 * it may have seen is tried, and then legacy is asked again.
 */
export async function judgeRead(parts: ReadParts, read: ReadCase): Promise<Finding> {
  let { legacy } = read;
  for (let ask = 1; ; ask += 1) {
    const obstacle = findObstacle(legacy);
    if (obstacle) return notCompared(obstacle);
    const seen = await compareOnce(parts, { ...read, legacy });
    const believed = seen.kind === 'different' ? await doubt(parts, read, seen) : seen;
    if (believed.kind !== 'uncertain') return believed;
    if (ask === MOST_ASKS) return notCompared('rows_in_motion');
    await wait(PAUSE_MS * ask);
    const again = await parts.askLegacy(read.asked);
    if (isFailure(again)) return notCompared(nameFailure(again));
    legacy = again;
  }
}

/** `uncertain`: rows were in motion, and no state that either side may have seen explains both answers. */
type Seen = Finding | Readonly<{ kind: 'uncertain' }>;
const UNCERTAIN: Seen = Object.freeze({ kind: 'uncertain' });

async function compareOnce(parts: ReadParts, read: ReadCase): Promise<Seen> {
  const { asked, tenant, legacy, answered } = read;
  if (answered && compare(read, answered).kind === 'same') return SAME;
  const sinceMs = Math.min(legacy.askedMs, answered?.askedMs ?? Number.POSITIVE_INFINITY);
  const window = await parts.fence.open(tenant, asked.decision.tables, sinceMs);
  if (typeof window === 'string') return notCompared(window);
  const isQuiet = window.transactions.length === 0;
  // What the user was answered is judged; a rehearsal of it may do better.
  if (answered) return isQuiet ? tellDifference(read, answered, []) : UNCERTAIN;
  let first: Finding | undefined;
  for (const at of listReaderStates(window, MOST_STATES)) {
    const run = await rehearse(parts.rehearsals, { asked, at, manner: 'read_only', legacy });
    if (run.kind === 'impossible') return notCompared(run.reason);
    const found = tellDifference(read, run.answer, run.effects);
    if (found.kind !== 'different') return found;
    first ??= found;
  }
  return isQuiet && first ? first : UNCERTAIN;
}

function tellDifference(read: ReadCase, other: SideAnswer, effects: readonly string[]): Finding {
  const found = compare(read, other);
  if (found.kind !== 'different') return found;
  return {
    kind: 'different',
    differences: found.differences,
    noisy: [],
    legacy: read.legacy,
    new: other,
    effects,
  };
}

function compare({ asked, legacy, rules }: ReadCase, other: SideAnswer) {
  const { host } = asked.arrival;
  return compareExchanges({ legacy, new: other, rows: undefined, method: 'safe', rules, host });
}

/** Asks legacy again before a difference is believed: what it says otherwise the next time is noise. */
async function doubt(parts: ReadParts, read: ReadCase, found: Difference): Promise<Seen> {
  const noisy = new Set<string>();
  const isExplained = () =>
    found.differences.every(
      (one) => isNoise(one.path, noisy) || isNoise(one.path, read.known) || read.isSettled(one),
    );
  for (let control = 0; control < CONTROLS && !isExplained(); control += 1) {
    const again = await parts.askLegacy(read.asked);
    if (isFailure(again)) return notCompared(nameFailure(again));
    const obstacle = findObstacle(again);
    if (obstacle) return notCompared(obstacle);
    const window = await parts.fence.open(read.tenant, read.asked.decision.tables, found.legacy.askedMs);
    if (typeof window === 'string') return notCompared(window);
    // Rows that changed in between explain what differs, and tell nothing of legacy.
    if (window.transactions.length > 0) return UNCERTAIN;
    for (const path of differsWithItself(found.legacy, again, read.rules)) noisy.add(path);
  }
  return { ...found, noisy: [...noisy] };
}

export function nameFailure({ code }: Failure): NotComparedReason {
  return code === 'legacy_too_slow' ? 'legacy_too_slow' : 'legacy_failed';
}

/** Asks legacy what it has just answered; the paths at which it disagrees with itself, or undefined where that tells nothing. */
export async function askControl(
  parts: ReadParts,
  { asked, tenant, rules, legacy }: Omit<ReadCase, 'answered' | 'known' | 'isSettled'>,
): Promise<readonly string[] | undefined> {
  const again = await parts.askLegacy(asked);
  if (isFailure(again) || findObstacle(again)) return undefined;
  const window = await parts.fence.open(tenant, asked.decision.tables, legacy.askedMs);
  if (typeof window === 'string' || window.transactions.length > 0) return undefined;
  // Another status is a throttle or a bad moment, and says nothing of what an answer holds.
  return again.status === legacy.status ? differsWithItself(legacy, again, rules) : undefined;
}
