import type { Arrival } from './arrival.ts';
import type { Caller } from './caller.ts';
import type { Decision } from './decision.ts';

/** A body as far as it was kept. Only a whole one can be compared. */
export type Captured =
  | Readonly<{ kind: 'whole'; bytes: Uint8Array }>
  /** Longer than was kept: nothing of it is left. */
  | Readonly<{ kind: 'larger' }>
  /** Broke off before its end. */
  | Readonly<{ kind: 'broken' }>;

/** What was asked: one request as the corridor knew it once it had decided. */
export type Asked = Readonly<{ arrival: Arrival; caller: Caller; decision: Decision; body: Captured }>;

/** What one side answered. */
export type SideAnswer = Readonly<{
  status: number;
  /** Name and value in turn, as the side wrote them; the gateway's own headers are not among them. */
  headers: readonly string[];
  body: Captured;
  /** When the side was asked and when its answer was whole, in ms since the epoch. */
  askedMs: number;
  answeredMs: number;
}>;

/** Watches one exchange pass by. Keeps copies, changes nothing, never throws. */
export interface Tap {
  /** A piece of the request's body that went on to the side. */
  uploaded(piece: Uint8Array): void;
  /** The answer's head as the side sent it: name and value in turn. Called again where another side answers after all. */
  answerBegan(status: number, headers: readonly string[]): void;
  answered(piece: Uint8Array): void;
}
