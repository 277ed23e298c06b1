import type { IfNewFails, Reason, Side } from '../vocabulary/index.ts';
import type { FlagReading } from './flag-reader.ts';
import type { RouteRow } from './table.ts';

/** Who answers and why: the heart of a decision, without the particulars of the request. */
export type Ruling = Readonly<{ side: Side; reason: Reason }>;

const rule = (side: Side, reason: Reason): Ruling => Object.freeze({ side, reason });

export const UNLISTED = rule('legacy', 'unlisted');
const STAGE_LEGACY = rule('legacy', 'stage_legacy');
const STAGE_SHADOW = rule('legacy', 'stage_shadow');
const STAGE_NEW = rule('new', 'stage_new');
const STAGE_RETIRED = rule('new', 'stage_retired');
const NO_TENANT = rule('legacy', 'no_tenant');
const FORCED_LEGACY = rule('legacy', 'forced_legacy');
const FORCED: Readonly<Record<Side, Ruling>> = {
  legacy: rule('legacy', 'forced'),
  new: rule('new', 'forced'),
};
const BY_FLAG: Readonly<Record<FlagReading, Ruling>> = {
  on: rule('new', 'flag_on'),
  shadow: rule('legacy', 'flag_shadow'),
  off: rule('legacy', 'flag_off'),
  unknown: rule('legacy', 'flag_unknown'),
};
const BY_OWNER: Readonly<Record<Side, Ruling>> = {
  legacy: rule('legacy', 'owner'),
  new: rule('new', 'owner'),
};
const RESTING: Readonly<Record<IfNewFails, Ruling>> = {
  legacy: rule('legacy', 'breaker_open'),
  refuse: rule('new', 'breaker_open'),
};

/**
 * The table's word, breaker aside. `reading` is what the flag said, for stage canary; `wish` only that of a caller who may have one.
 * Where the table forces legacy, nobody's word counts against it: it is the brake for the day on which the new side does harm.
 * A request without a tenant stays with legacy wherever there still is one: the new side keeps nothing that belongs to nobody.
 */
export function ruleByStage(
  row: RouteRow,
  tenant: string | undefined,
  reading: FlagReading,
  wish: Side | undefined,
): Ruling {
  if (row.forcedBy !== undefined) return FORCED_LEGACY;
  if (wish !== undefined && isPossible(row, wish)) return FORCED[wish];
  switch (row.stage) {
    case 'legacy':
      return STAGE_LEGACY;
    case 'shadow':
      return STAGE_SHADOW;
    case 'canary':
      return tenant === undefined ? NO_TENANT : BY_FLAG[reading];
    case 'new':
      return tenant === undefined ? NO_TENANT : STAGE_NEW;
    case 'retired':
      return STAGE_RETIRED;
  }
}

function isPossible({ stage, handler }: RouteRow, wish: Side): boolean {
  return wish === 'new' ? handler !== undefined : stage !== 'retired';
}

/**
 * Where the feature's rows are being moved, its requests go where their tenant's rows are: reads, too, so that nobody reads what is older
 * than what he has just written. Who forces a side may still look at the other one.
 */
export function ruleByOwner(ruling: Ruling, owner: Side, isSafe: boolean): Ruling {
  if (ruling.side === owner || (isSafe && ruling.reason === 'forced')) return ruling;
  return BY_OWNER[owner];
}

/** A breaker is asked only where the new side would answer by the table's own word: who forces a side wants to see it fail. */
export function asksBreaker({ side, reason }: Ruling): boolean {
  return side === 'new' && reason !== 'forced';
}

/** The new side rests: legacy answers, or nobody does (side `new` with reason `breaker_open` is refused without being asked). */
export function ruleWhileResting(whenResting: IfNewFails): Ruling {
  return RESTING[whenResting];
}
