import { bodies } from './bodies.part.ts';
import { corridor } from './corridor/index.ts';
import { growth } from './growth/index.ts';
import { newSide } from './new-side/index.ts';
import type { Part } from './part.ts';
import { story } from './story/index.ts';
import { streams } from './streams.part.ts';
import { workers } from './workers.part.ts';

/** Everything that is measured, in the order in which it is printed. */
export const PARTS: readonly Part[] = [corridor, bodies, streams, workers, newSide, story, growth];

/** What the short mode measures, unless it is told what else. */
export const SHORT_PARTS: readonly string[] = ['corridor'];
