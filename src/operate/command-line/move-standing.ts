import type { MoveJson, OrderJson, TenantMoveJson } from '../admin/move-shapes.ts';
import { estimateLeft } from './progress-bar.ts';

/** What a person wants to know of a move with hundreds of tenants. */
export type MoveStandingNow = Readonly<{
  /** Tenants that the table says should be the new side's, and how many of them are. */
  wanted: number;
  owned: number;
  /** Tenants that go back to legacy, or have to. */
  back: number;
  running: readonly TenantMoveJson[];
  waiting: number;
  /** Refused or failed last, and not as the table says. */
  failed: readonly TenantMoveJson[];
  rows: number;
  heldMs: readonly number[];
  lines: number;
  oldestMs: number;
}>;

export function readStanding({ tenants }: Pick<MoveJson, 'tenants'>): MoveStandingNow {
  const inState = (state: OrderJson['state']) => tenants.filter(({ order }) => order?.state === state);
  const wanted = tenants.filter(({ declared }) => declared === 'new');
  const changes = tenants.flatMap(({ order }) =>
    order?.state === 'done' && order.order !== 'verify' ? [order] : [],
  );
  return {
    wanted: wanted.length,
    owned: wanted.filter(isAsSaid).length,
    back: tenants.filter(({ declared, owner }) => declared === 'legacy' && owner === 'new').length,
    running: inState('running'),
    waiting: inState('waiting').length,
    failed: inState('failed').filter(isAstray),
    rows: changes.reduce((sum, { rows }) => sum + (rows ?? 0), 0),
    heldMs: changes.flatMap(({ held_ms }) => held_ms ?? []),
    lines: tenants.reduce((sum, { waiting }) => sum + waiting.lines, 0),
    oldestMs: Math.max(0, ...tenants.map(({ waiting }) => waiting.oldest_ms)),
  };
}

const isAstray = ({ declared, owner }: TenantMoveJson) => declared !== 'mixed' && declared !== owner;
const isAsSaid = (one: TenantMoveJson) => !isAstray(one) && one.step === 'settled';

/** Whether anything is still to be done, as far as the table says. */
export function isAtRest({ state, tenants }: Pick<MoveJson, 'state' | 'tenants'>): boolean {
  const isOpen = ({ order }: TenantMoveJson) => order?.state === 'waiting' || order?.state === 'running';
  return state === 'retired' || !tenants.some((one) => isOpen(one) || isAstray(one));
}

/** How long the rest takes at the pace seen so far, in ms, by feature; undefined before anything has happened. */
export function openPace(
  nowMs: () => number,
): (move: MoveJson, standing: MoveStandingNow) => number | undefined {
  const first = new Map<string, Readonly<{ left: number; ms: number }>>();
  return ({ feature, state }, { wanted, owned, back }) => {
    const left = wanted - owned + back;
    const begun = first.get(feature);
    // While it stands still, or more is asked for, what was seen says nothing.
    if (begun === undefined || left > begun.left || state !== 'moving') {
      first.set(feature, { left, ms: nowMs() });
      return undefined;
    }
    return left === 0 ? undefined : estimateLeft(begun.left - left, begun.left, nowMs() - begun.ms);
  };
}
