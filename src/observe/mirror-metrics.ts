import { Counter, Gauge, type Registry } from 'prom-client';
import {
  type BanyanEvent,
  DROP_REASONS,
  NOT_COMPARED_REASONS,
  type Reason,
  type RouteId,
  VERDICTS,
} from '../vocabulary/index.ts';

const SHADOWED: readonly Reason[] = ['stage_shadow', 'flag_shadow'];

/**
 * The metrics of shadow comparison. A rate needs a zero to begin with: reasons have theirs from the start, a route its verdicts from
 * the first request that is decided at stage shadow, or its first verdict.
 */
export function createMirrorMetrics(registry: Registry): (event: BanyanEvent) => void {
  const families = createFamilies(registry);
  for (const reason of NOT_COMPARED_REASONS) families.notCompared.inc({ reason }, 0);
  for (const reason of DROP_REASONS) families.dropped.inc({ reason }, 0);
  const known = new Set<RouteId>();
  const meet = (route: RouteId | undefined) => {
    if (route === undefined || known.has(route)) return;
    known.add(route);
    for (const verdict of VERDICTS) families.verdicts.inc({ route, verdict }, 0);
  };
  let rehearsals: Rehearsals = { isUp: false, isPaused: false };
  return (event) => {
    switch (event.type) {
      case 'decision_made':
        return SHADOWED.includes(event.reason) ? meet(event.routeId) : undefined;
      case 'mirror_verdict':
        meet(event.routeId);
        if (event.reason !== undefined) families.notCompared.inc({ reason: event.reason });
        return families.verdicts.inc({ route: event.routeId, verdict: event.verdict });
      case 'mirror_dropped':
        return families.dropped.inc({ reason: event.reason });
      case 'rehearsals_changed':
        rehearsals = changeRehearsals(rehearsals, event.state);
        return families.rehearsalsUp.set(rehearsals.isUp && !rehearsals.isPaused ? 1 : 0);
      case 'follow_changed':
        return families.following.set(event.state === 'following' ? 1 : 0);
      case 'follow_measured':
        families.followLag.set(event.lagMs / 1_000);
        if (event.heldBytes !== undefined) families.followHeld.set(event.heldBytes);
        return undefined;
      default:
        return undefined;
    }
  };
}

/** The process may die while copies pause, and the other way round. */
type Rehearsals = Readonly<{ isUp: boolean; isPaused: boolean }>;

function changeRehearsals(
  before: Rehearsals,
  state: Extract<BanyanEvent, { type: 'rehearsals_changed' }>['state'],
): Rehearsals {
  switch (state) {
    case 'ready':
      return { ...before, isUp: true };
    case 'down':
      return { ...before, isUp: false };
    case 'paused':
      return { ...before, isPaused: true };
    case 'resumed':
      return { ...before, isPaused: false };
  }
}

function createFamilies(registry: Registry) {
  const registers = [registry];
  return {
    verdicts: new Counter({
      name: 'banyan_mirror_verdicts_total',
      help: 'Comparisons of the two sides, by what came of them',
      labelNames: ['route', 'verdict'],
      registers,
    }),
    notCompared: new Counter({
      name: 'banyan_mirror_not_compared_total',
      help: 'Copies of which nothing was compared, by reason',
      labelNames: ['reason'],
      registers,
    }),
    dropped: new Counter({
      name: 'banyan_mirror_dropped_total',
      help: 'Copies that were not taken or given up before anyone looked at them, by reason',
      labelNames: ['reason'],
      registers,
    }),
    rehearsalsUp: new Gauge({
      name: 'banyan_rehearsals_up',
      help: 'Whether copies are taken and new handlers can rehearse: 1 or 0',
      registers,
      aggregator: 'max',
    }),
    following: new Gauge({
      name: 'banyan_following',
      help: "Whether legacy's rows are carried over into the new store: 1 or 0",
      registers,
      aggregator: 'max',
    }),
    followLag: new Gauge({
      name: 'banyan_follow_lag_seconds',
      help: 'How old the oldest change of legacy is that is not in the new store yet',
      registers,
      aggregator: 'max',
    }),
    followHeld: new Gauge({
      name: 'banyan_follow_held_bytes',
      help: 'How much of its log legacy keeps because it was not followed yet',
      registers,
      aggregator: 'max',
    }),
  };
}
