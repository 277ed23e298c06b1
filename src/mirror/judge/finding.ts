import type { NotComparedReason, SideAnswer } from '../../vocabulary/index.ts';
import type { FoundDifference } from '../compare/index.ts';

/** What came of judging one exchange. */
export type Finding =
  | Readonly<{ kind: 'same' }>
  | Readonly<{ kind: 'not_compared'; reason: NotComparedReason }>
  | Difference;

export type Difference = Readonly<{
  kind: 'different';
  differences: readonly FoundDifference[];
  /** Paths at which legacy disagreed with itself. */
  noisy: readonly string[];
  legacy: SideAnswer;
  new: SideAnswer;
  effects: readonly string[];
}>;

export const SAME: Finding = Object.freeze({ kind: 'same' });
export const notCompared = (reason: NotComparedReason): Finding => ({ kind: 'not_compared', reason });

/** Why an answer of legacy cannot be held against anyone. */
export function findObstacle({ status, body }: SideAnswer): NotComparedReason | undefined {
  if (body.kind === 'larger') return 'body_too_large';
  if (body.kind === 'broken') return 'answer_broken';
  return status >= 500 ? 'legacy_failed' : undefined;
}
