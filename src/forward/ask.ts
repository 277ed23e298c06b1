import type { Arrival, Identity, Tap } from '../vocabulary/index.ts';

/** What forward is told of a request: all of it decided already. */
export type Ask = Readonly<{
  arrival: Arrival;
  /** Who is calling, as legacy learns it. */
  identity: Identity;
  /** Name and value in turn: what the gateway adds to legacy's answer. */
  added: readonly string[];
  /** How long legacy may stay silent, in ms. */
  timeoutMs: number;
  /** Asked before a request that was lost on a stale connection is sent once more; without it, it may. A retry budget says no here. */
  mayRetry?(): boolean;
  /** Told of the answer's `Set-Cookie` values before the client sees them: a logout ends the session on both sides. */
  noteCookies(cookies: readonly string[]): void;
  /** Told when legacy's answer begins, and whether it is a stream without an end of its own (server-sent events, a WebSocket). */
  answerBegan?: (manner: 'plain' | 'stream') => void;
  /** Where a copy of the exchange is taken. */
  tap?: Tap | undefined;
}>;
