import type { TenantStore } from '../store/index.ts';
import type { TenantName } from '../vocabulary/index.ts';

/** The part of the store that this room needs. */
export type HandleStore = Readonly<{ scope(tenant: TenantName, handler: string): TenantStore }>;

export type AiAsk = Readonly<{ model: string; prompt: string; temperature: number; maxTokens: number }>;

/** An AI engine. Both methods reject where it is not available, or with the signal's reason. */
export interface AiEngine {
  /** `none`: asking costs nothing and leaves no trace, so that a rehearsal may ask in earnest. */
  readonly effect: 'none' | 'outside';
  complete(ask: AiAsk, signal: AbortSignal): Promise<string>;
  /** Pieces of the completion as they come; all of them joined are the completion. */
  stream(ask: AiAsk, signal: AbortSignal): AsyncIterable<string>;
}

/** Tells the sockets of one tenant's channel. `frame` is JSON text. */
export interface LiveChat {
  publish(tenant: TenantName, channel: number, frame: string): void;
}

/** Everything that a handler does outside the database. */
export type Effects = Readonly<{
  ai: AiEngine;
  live: LiveChat;
  /** Ends a session on whichever side it began, for every instance. */
  endSession(tenant: TenantName, sessionKey: string): Promise<void>;
}>;
