import type { Failure } from './failure.ts';

/** What became of one side's attempt to answer. */
export type Outcome =
  | Readonly<{ kind: 'answered'; status: number }>
  /** Failed before a byte was sent: the corridor may still answer in its own words, or ask the other side. */
  | Readonly<{ kind: 'failed'; failure: Failure }>
  /** Failed after the head was sent: the client's connection has been cut, so that nobody takes the rest for whole. */
  | Readonly<{ kind: 'cut'; status: number; failure: Failure }>
  /** The client went away. */
  | Readonly<{ kind: 'abandoned' }>;
