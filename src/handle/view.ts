import type { IncomingMessage, ServerResponse } from 'node:http';
import { Router } from 'express';
import type { TenantTransaction } from '../store/index.ts';
import type { Exchange } from './exchange.ts';
import { passesCsrf } from './wire/csrf.ts';
import { failedCsrf, missingIdentity, Refusal } from './wire/refusal.ts';

/** What a handler's name stands for. */
export type View = Readonly<{
  /** `Allow`, as DRF lists the methods of the whole view. */
  allow: string;
  run: (exchange: Exchange) => Promise<void>;
}>;

/** A feature: its handlers by name, and the router that finds them. */
export type Feature = Readonly<{ names: readonly string[]; router: Router }>;

type Running = Readonly<{
  exchange: Exchange;
  resolve: () => void;
  reject: (error: unknown) => void;
}>;

// Beside the request instead of on it: nothing of ours can clash with what Express keeps there.
const running = new WeakMap<object, Running>();

/** An Express router with one route for each handler of a feature, found by its name: the table's paths stay the table's. */
export function routeByName(feature: string, views: Readonly<Record<string, View>>): Feature {
  const router = Router({ caseSensitive: true, strict: true });
  for (const [name, view] of Object.entries(views)) {
    router.all(`/${feature}/${name}`, (req, _res, next) => {
      const run = running.get(req);
      if (!run) return next();
      runView(view, run.exchange).then(run.resolve, run.reject);
    });
  }
  return { names: Object.keys(views).map((name) => `${feature}/${name}`), router };
}

type PlainRouter = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** Runs the view that the exchange names on the plain request: no Express app, which would replace both prototypes. */
export function runByName(
  router: Router,
  exchange: Exchange,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  return new Promise((resolve, reject) => {
    running.set(req, { exchange, resolve, reject });
    const target = req.url ?? '/';
    req.url = `/${exchange.name}`;
    (router as unknown as PlainRouter)(req, res, (error) => {
      reject(error ?? new Error(`No view is named "${exchange.name}".`));
    });
    req.url = target;
  });
}

async function runView(view: View, exchange: Exchange): Promise<void> {
  exchange.reply.allow = view.allow;
  try {
    if (!passesCsrf(exchange)) throw failedCsrf();
    await view.run(exchange);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    await exchange.reply.refuse(error);
  }
}

type UserWork<T> = (tx: TenantTransaction, user: number) => Promise<T>;

/** Wraps work so that only an active user of the tenant gets to it, as Django's `get_user` and DRF's IsAuthenticated see to. */
export function forUser<T>(exchange: Exchange, work: UserWork<T>): (tx: TenantTransaction) => Promise<T> {
  return async (tx) => {
    const { caller } = exchange;
    if (caller.kind === 'anonymous') throw missingIdentity();
    const id: number = caller.user;
    const where = { tenantId: tx.tenantId, id, isActive: true };
    if (!(await tx.authUser.findFirst({ where, select: { id: true } }))) throw missingIdentity();
    return work(tx, id);
  };
}
