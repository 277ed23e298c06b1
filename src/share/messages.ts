import type { BanyanEvent } from '../vocabulary/index.ts';

/** What the primary says to a worker. A connection comes along with `connection`. */
export type ToWorker =
  | Readonly<{ type: 'open'; worker: number; wish: unknown; relayed: readonly BanyanEvent['type'][] }>
  | Readonly<{ type: 'connection'; connection: number }>
  | Readonly<{ type: 'tell'; question: number }>
  | Readonly<{ type: 'drain'; signal: string }>;

export type FromWorker =
  /** It runs and can be told what to open. */
  | Readonly<{ type: 'hello' }>
  | Readonly<{ type: 'opened' }>
  | Readonly<{ type: 'failed'; message: string }>
  /** It has taken a connection over, and has read nothing of it before. */
  | Readonly<{ type: 'taken'; connection: number }>
  /** It takes no more connections. */
  | Readonly<{ type: 'leaving' }>
  /** Its metrics, as prom-client's JSON. */
  | Readonly<{ type: 'told'; question: number; figures: readonly object[] }>
  | Readonly<{ type: 'event'; event: BanyanEvent }>
  | Readonly<{ type: 'drained'; cut: number }>;
