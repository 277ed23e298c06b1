import type { DifferenceKind } from '../../vocabulary/index.ts';
import type { Clock } from './clock.ts';
import { type Finder, startProbe } from './found.ts';
import type { JsonNode } from './json-node.ts';
import type { TimeWriter } from './time-text.ts';

/** One way through two values: where it stands, what it has found, and what it may still spend. */
export type Walk = Readonly<{
  finder: Finder;
  /** The steps to where it stands; pushed and popped. */
  steps: string[];
  /** Set where times may differ as the runs did: writes. */
  clock: Clock | undefined;
  writer: TimeWriter;
  /** Shared by the walk and its probes. */
  budget: Budget;
}>;

/** Steps that may still be spent on finding out which item goes with which. */
export type Budget = { steps: number };

export function note(
  { finder, steps }: Walk,
  kind: DifferenceKind,
  legacy: JsonNode | undefined,
  fresh: JsonNode | undefined,
): void {
  finder.note(steps, kind, legacy, fresh);
}

/** Does something one step further. */
export function within(walk: Walk, step: string, act: () => void): void {
  walk.steps.push(step);
  act();
  walk.steps.pop();
}

/** Whether `act` finds anything; nothing is told of it. */
export function probe(walk: Walk, act: (probe: Walk) => void): 'same' | 'different' {
  const finder = startProbe();
  act({ ...walk, finder, steps: [] });
  return finder.isFull ? 'different' : 'same';
}
