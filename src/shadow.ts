// The rehearsal process: new handlers answer here what legacy has answered already, on rows as legacy had them, and everything they do is
// undone. It has connections, memory and a priority of its own; the gateway starts it, watches it, and replaces it when it dies.
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  type Handle,
  openHandle,
  openHttpEngine,
  openLocalEngine,
  readCompletion,
  recordEffects,
} from './handle/index.ts';
import { type RehearsalParts, type RunNew, serveRehearsals, type ToRehearsals } from './mirror/index.ts';
import { type Following, openFollow } from './move/index.ts';
import { openStore, StateUnreachable, type Store, StoreUnavailable, TenantUnknown } from './store/index.ts';
import { type Emit, fail, type NotComparedReason } from './vocabulary/index.ts';

/** The gateway's first message. */
export type ShadowWish = Readonly<{
  databaseUrl: string;
  /** Rehearsals at once. */
  poolSize: number;
  /** Undefined: legacy's rows are not followed. */
  legacy: Readonly<{ databaseUrl: string; slot: string; heldBytes?: number }> | undefined;
  ai: Readonly<{ baseUrl: string; apiKey: string | undefined }> | undefined;
  largestFileBytes: number;
  secretKey: string | undefined;
  key: Uint8Array | undefined;
  timeoutMs: number;
  bodyBytes: number;
  days: number;
}>;

/** Stands between the house and its handlers: the drills put their bad ones in here. */
export type AlterHandle = (handle: Handle) => Handle;

/** Serves the process that this one was forked from. */
export function runShadow(alter: AlterHandle = (handle) => handle): void {
  dieWithParent();
  process.once('message', (wish) => {
    const send = (message: unknown) => void process.send?.(message, undefined, undefined, () => undefined);
    const listen = (hears: (message: ToRehearsals) => void) =>
      process.on('message', (message) => hears(message as ToRehearsals));
    serveRehearsals(send, listen, (emit) => openRehearsalParts(wish as ShadowWish, emit, alter)).catch(
      (error: unknown) => {
        send({
          kind: 'event',
          event: {
            type: 'rehearsals_changed',
            state: 'down',
            detail: error instanceof Error ? error.message : '',
          },
        });
        setTimeout(() => process.exit(1), 100);
      },
    );
  });
}

/** Opens everything that rehearsals need; throws an Error with one sentence where a part cannot be had. */
export async function openRehearsalParts(
  wish: ShadowWish,
  emit: Emit,
  alter: AlterHandle,
): Promise<RehearsalParts> {
  const store = await openStore({
    url: wish.databaseUrl,
    emit: quietly(emit),
    poolSize: wish.poolSize,
    onUnscoped: 'count',
  });
  const ai = wish.ai ? openHttpEngine(wish.ai) : openLocalEngine();
  const { largestFileBytes, secretKey } = wish;
  const handle = alter(
    openHandle({
      store,
      ai,
      emit: quietly(emit),
      largestFileBytes,
      ...(secretKey !== undefined && { secretKey }),
    }),
  );
  const follower = openFollower(wish, store, emit);
  return {
    runNew: makeRunNew(store, handle, ai),
    follower,
    journal: store.journal,
    ledger: store.ledger,
    key: wish.key,
    timeoutMs: wish.timeoutMs,
    bodyBytes: wish.bodyBytes,
    days: wish.days,
    close: async () => {
      await follower?.close();
      await handle.close();
      await store.close();
    },
  };
}

function openFollower({ legacy }: ShadowWish, store: Store, emit: Emit): Following | undefined {
  if (legacy === undefined) return undefined;
  const { databaseUrl: legacyUrl, ...more } = legacy;
  return openFollow({ legacyUrl, store: store.follow, emit, ...more });
}

function makeRunNew(store: Store, handle: Handle, ai: Parameters<typeof recordEffects>[0]['ai']): RunNew {
  return async ({ asked, at, manner, legacy, tap, signal }, req, res) => {
    const { arrival, caller, decision } = asked;
    if (caller.tenant === undefined) return { kind: 'impossible', reason: 'rows_not_followed' };
    const recording = recordEffects({ ai }, { completion: readCompletion(legacy) });
    const { effects } = recording;
    try {
      const { result, rows } = await store.rehearsal(
        caller.tenant,
        decision.handler ?? '',
        { at, manner },
        (scope) =>
          handle.answer({ arrival, caller, decision, tap, signal, rehearsal: { scope, effects } }, req, res),
      );
      return { kind: 'ended', outcome: result, rows, effects: recording.recorded.map(({ kind }) => kind) };
    } catch (error) {
      const reason = nameObstacle(error);
      if (reason) return { kind: 'impossible', reason };
      // The transaction itself broke, by the handler's doing or by a bug: the user would have got a 500.
      const failure = fail('new_failed');
      return { kind: 'ended', outcome: { kind: 'failed', failure }, rows: [], effects: [] };
    }
  };
}

const UNREACHABLE = {
  behind: 'rows_behind',
  forgotten: 'rows_behind',
  not_followed: 'rows_not_followed',
  in_motion: 'rows_in_motion',
  apart: 'rows_apart',
} as const satisfies Record<StateUnreachable['reason'], NotComparedReason>;

function nameObstacle(error: unknown): NotComparedReason | undefined {
  if (error instanceof StateUnreachable) return UNREACHABLE[error.reason];
  if (error instanceof TenantUnknown) return 'rows_not_followed';
  return error instanceof StoreUnavailable ? 'store_unavailable' : undefined;
}

/**
 * What a handler tells of its failures is told once by its difference, not again by the log of a request that did not fail. Nor are
 * waits for this process's own connections those of users.
 */
function quietly(emit: Emit): Emit {
  return (event) => {
    if (event.type === 'unscoped_query') emit(event);
  };
}

/** Also where this process never comes back to its event loop: a thread of its own looks whether the gateway is still there. */
function dieWithParent(): void {
  process.on('disconnect', () => process.exit(0));
  const watch = `const parent = process.ppid; setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 1000);`;
  new Worker(watch, { eval: true }).unref();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runShadow();
