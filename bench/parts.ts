import { corridor } from './corridor.part.ts';
import type { Part } from './part.ts';

/** Everything that is measured, in the order in which it is printed. */
export const PARTS: readonly Part[] = [corridor];
