import { corridor } from './corridor/index.ts';
import type { Part } from './part.ts';

/** Everything that is measured, in the order in which it is printed. */
export const PARTS: readonly Part[] = [corridor];

/** What the short mode measures, unless it is told what else. */
export const SHORT_PARTS: readonly string[] = ['corridor'];
