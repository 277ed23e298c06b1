import type { MoveJson, TenantMoveJson } from '../admin/move-shapes.ts';
import { describeHeld, describeLag, MOST_FAILURES, nameOrder } from './move-progress.ts';
import { readStanding } from './move-standing.ts';
import { openPaint } from './paint.ts';
import { drawBar, printSpan } from './progress-bar.ts';
import type { Terminal } from './terminal.ts';

const BAR_CELLS = 24;
const MOST_NAMES = 4;
const LABEL_CELLS = 15;

/** One move on a screen: bars, groups by state, and by name only those under way and those that failed. */
export function drawMove(terminal: Terminal, move: MoveJson, leftMs: number | undefined): readonly string[] {
  const paint = openPaint(terminal);
  const standing = readStanding(move);
  const { wanted, owned, back, rows, heldMs, lines, oldestMs, waiting, running, failed } = standing;
  const pace = [
    `${count(owned)} of ${count(wanted)} tenants on the new side`,
    ...(back > 0 ? [`${count(back)} on their way back`] : []),
    ...(rows > 0 ? [`${count(rows)} rows`] : []),
    ...(leftMs === undefined ? [] : [`${printSpan(leftMs)} left`]),
  ];
  const hidden = failed.length - MOST_FAILURES;
  return [
    describeTitle(terminal, move),
    row('tenants', `${drawBar(owned, Math.max(wanted, 1), BAR_CELLS)}  ${pace.join(' · ')}`),
    ...drawWave(move).map((text) => row(`wave ${move.wave?.wave}`, text)),
    row('waiting', waiting > 0 ? `${count(waiting)} ${waiting === 1 ? 'tenant' : 'tenants'}` : undefined),
    row('now', describeRunning(running)),
    row('writes held', describeHeld(heldMs)),
    row('legacy behind', describeLag({ lines, oldestMs })),
    ...failed
      .slice(0, MOST_FAILURES)
      .map((one) => `${paint('red', label('failed'))} ${describeFailure(one)}`),
    row('', hidden > 0 ? `and ${count(hidden)} more failed: banyan move status ${move.feature}` : undefined),
  ].flatMap((line) => line ?? []);

  function row(name: string, text: string | undefined): string | undefined {
    return text === undefined ? undefined : `${paint('bold', label(name))} ${text}`;
  }
}

function describeTitle(terminal: Terminal, { feature, state, paused_why, tables }: MoveJson): string {
  const paint = openPaint(terminal);
  const how =
    state === 'moving'
      ? paint('dim', `moving: ${tables.join(', ')}`)
      : paint('yellow', paused_why === null ? state : `${state}: ${paused_why}`);
  const remedy = state === 'paused' ? paint('dim', ` To go on: banyan move resume ${feature}`) : '';
  return `${paint('bold', label(feature))} ${how}${remedy}`;
}

/** A bar for the wave under way; none where all go in one. */
export function drawWave({ wave, limits }: Pick<MoveJson, 'wave' | 'limits'>): readonly string[] {
  if (wave === null || wave.wave === 0 || limits.wave === null) return [];
  const ended = wave.done + wave.failed;
  // A wave that has begun takes in more of those who wait, as far as it has room.
  const all = Math.max(wave.tenants, Math.min(limits.wave, wave.tenants + wave.later));
  const waves = Math.ceil((wave.later - (all - wave.tenants)) / limits.wave);
  const parts = [
    `${count(ended)} of ${count(all)}`,
    ...(wave.failed > 0 ? [`${count(wave.failed)} failed`] : []),
    ...(waves > 0 ? [`${count(waves)} more ${waves === 1 ? 'wave' : 'waves'}`] : ['the last one']),
  ];
  return [`${drawBar(ended, Math.max(all, 1), BAR_CELLS)}  ${parts.join(' · ')}`];
}

function describeRunning(running: readonly TenantMoveJson[]): string | undefined {
  if (running.length === 0) return undefined;
  const names = running
    .slice(0, MOST_NAMES)
    .map(({ tenant, order }) => `${tenant} (${order ? nameOrder(order.order) : ''})`);
  return names.join(', ') + (running.length > MOST_NAMES ? ', …' : '');
}

export function describeFailure({ tenant, order }: TenantMoveJson): string {
  const again = order && order.attempt > 1 ? ` (${order.attempt} times)` : '';
  return `${tenant}${again}: ${order?.detail ?? ''}`;
}

const label = (name: string) => name.padEnd(LABEL_CELLS);
const count = (number: number) => number.toLocaleString('en');
