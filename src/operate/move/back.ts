import type { MoveStanding, MoveState, Side } from '../../vocabulary/index.ts';

/** What it would take to go back to legacy now. */
export type Back = Readonly<{ sentence: string }> &
  Readonly<
    | { kind: 'free' }
    /** Legacy is so far behind; it is brought level first, while everything goes on. */
    | { kind: 'sync'; ms: number; lines: number }
    /** Others have written to legacy's rows meanwhile, or what the new side wrote does not fit there. A hand-back refuses. */
    | { kind: 'loses'; writes: number }
    | { kind: 'legacys' }
    | { kind: 'over' }
  >;

export function tellBack(
  state: MoveState,
  owner: Side,
  { waiting, strangers }: Pick<MoveStanding, 'waiting' | 'strangers'>,
  trouble?: string,
): Back {
  if (state === 'retired') return { kind: 'over', sentence: 'there is no way back: the move is retired' };
  if (owner === 'legacy') return { kind: 'legacys', sentence: 'legacy owns it' };
  const lost = strangers + (trouble === undefined ? 0 : waiting.lines);
  if (lost > 0)
    return { kind: 'loses', writes: lost, sentence: `going back now would lose ${count(lost, 'write')}` };
  if (waiting.lines === 0) return { kind: 'free', sentence: 'going back now is free' };
  const { lines, oldestMs: ms } = waiting;
  return { kind: 'sync', ms, lines, sentence: `going back now needs ${printSeconds(ms)} of sync` };
}

/** `0.1 s`, `1.2 s`, `37 s`: never nothing where there is something. */
export function printSeconds(ms: number): string {
  const seconds = Math.max(ms / 1_000, 0.1);
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

export function count(number: number, what: string): string {
  return `${number.toLocaleString('en')} ${what}${number === 1 ? '' : 's'}`;
}
