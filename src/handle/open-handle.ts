import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { Router } from 'express';
import type { TenantStore } from '../store/index.ts';
import type { Emit, Outcome, TenantName } from '../vocabulary/index.ts';
import { openAi } from './ai/index.ts';
import { openChat } from './chat/index.ts';
import { openDashboard } from './dashboard/index.ts';
import { Exchange, type HandleRequest } from './exchange.ts';
import { openFiles } from './files/index.ts';
import { openLogin } from './login/index.ts';
import { judgeThrow } from './outcome.ts';
import type { AiEngine, Effects, HandleStore } from './ports.ts';
import { runByName } from './view.ts';
import { missingTenant } from './wire/refusal.ts';
import { Reply } from './wire/reply.ts';

export type HandleWish = Readonly<{
  store: HandleStore;
  ai: AiEngine;
  emit: Emit;
  /** Ends a session everywhere (a grave in the store, caches dropped). Without it only the new side's own row goes. */
  endSession?: (tenant: TenantName, sessionKey: string) => Promise<void>;
  /** The longest that one answer of the AI engine may take. */
  aiTimeoutMs?: number;
  /** Django's SECRET_KEY: session rows written here are then good for legacy, too, once they are moved back. */
  secretKey?: string;
  /** The largest file that is taken. */
  largestFileBytes?: number;
}>;

export type Handle = Readonly<{
  /** What the table's `handle:` may name. */
  names: readonly string[];
  /** Answers on `res`, or says why nothing was sent. Never rejects. */
  answer(request: HandleRequest, req: IncomingMessage, res: ServerResponse): Promise<Outcome>;
  /** The same for a WebSocket's handshake; the socket then lives on its own. */
  upgrade(request: HandleRequest, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<Outcome>;
  /** Says goodbye to the open sockets (1001), which would otherwise never end. */
  hangUp(): void;
  /** Closes the sockets and waits for what is still being done. */
  close(): Promise<void>;
}>;

const AI_TIMEOUT_MS = 25_000;
/** How long `close` waits for what nobody waits for any more: tidying up after clients that left. */
const CLOSE_MS = 5_000;
const LARGEST_FILE = 1024 ** 3;

export function openHandle(wish: HandleWish): Handle {
  const chat = openChat();
  const features = [
    openLogin({ secretKey: wish.secretKey ?? '' }),
    openAi({ timeoutMs: wish.aiTimeoutMs ?? AI_TIMEOUT_MS }),
    chat,
    openFiles({ largestBytes: wish.largestFileBytes ?? LARGEST_FILE }),
    openDashboard(),
  ];
  const router = Router();
  for (const feature of features) router.use(feature.router);
  const effects: Effects = {
    ai: wish.ai,
    live: chat.live,
    endSession: wish.endSession ?? (async () => undefined),
  };
  const unfinished = new Set<Promise<unknown>>();
  const world = { wish, router, effects, unfinished };
  return {
    names: features.flatMap((feature) => feature.names),
    answer: (request, req, res) => answer(world, request, req, res),
    upgrade: (request, req, socket, head) => {
      const scope = chooseScope(world, request);
      const effects = request.rehearsal?.effects ?? world.effects;
      return chat.upgrade({ request, scope, effects, emit: wish.emit }, req, socket, head);
    },
    hangUp: chat.close,
    close: async () => {
      chat.close();
      await Promise.race([Promise.allSettled(unfinished), wait(CLOSE_MS, undefined, { ref: false })]);
    },
  };
}

type World = Readonly<{
  wish: HandleWish;
  router: Router;
  effects: Effects;
  unfinished: Set<Promise<unknown>>;
}>;

async function answer(
  world: World,
  request: HandleRequest,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<Outcome> {
  const scope = chooseScope(world, request);
  if (!scope) return answerNobody(res);
  const effects = request.rehearsal?.effects ?? world.effects;
  const exchange = new Exchange({ request, name: request.decision.handler ?? '', scope, effects, req, res });
  const work = runByName(world.router, exchange, req, res);
  track(world.unfinished, work);
  request.keepUntil?.(work);
  try {
    await Promise.race([work, rejectAtEnd(exchange.signal)]);
    return { kind: 'answered', status: res.statusCode };
  } catch (error) {
    return judgeThrow({ request, exchange, res, emit: world.wish.emit }, error);
  }
}

function chooseScope(
  { wish }: World,
  { caller, decision, rehearsal }: HandleRequest,
): TenantStore | undefined {
  if (rehearsal) return rehearsal.scope;
  return caller.tenant && wish.store.scope(caller.tenant, decision.handler ?? '');
}

async function answerNobody(res: ServerResponse): Promise<Outcome> {
  await new Reply(res, new AbortController().signal).refuse(missingTenant());
  return { kind: 'answered', status: res.statusCode };
}

function rejectAtEnd(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function track(unfinished: Set<Promise<unknown>>, work: Promise<unknown>): void {
  const done = work.catch(() => undefined).finally(() => unfinished.delete(done));
  unfinished.add(done);
}
