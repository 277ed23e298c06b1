import type { OutboxPending, OutboxStore } from '../../store/index.ts';
import type { Emit, TenantId } from '../../vocabulary/index.ts';

export type ReturnWish = Readonly<{
  /** Legacy's database, as a role that may write its tables; `prepareReturn` has made ours there. */
  legacyUrl: string;
  outbox: OutboxStore;
  emit: Emit;
}>;

export type Returning = Readonly<{
  /**
   * Resolves once everything that the new side had committed before the call is on legacy. Waits while a database is away; rejects with
   * ReturnTrouble where a row does not fit on legacy, or with the signal's reason.
   */
  drain(tenant: TenantId, signal: AbortSignal): Promise<void>;
  /** How much waits, for how long the oldest has, and, in a sentence, why it does not go on. */
  pending(tenant: TenantId): Promise<ReturnPending>;
  /** Ends carrying after the batches under way. The store stays open. */
  close(): Promise<void>;
}>;

export type ReturnPending = OutboxPending & Readonly<{ trouble: string | undefined }>;
