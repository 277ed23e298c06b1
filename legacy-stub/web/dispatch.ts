import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { findUser } from '../accounts/users.ts';
import type { Registry, Tenant } from '../database/registry.ts';
import type { IdentityTag, TagVerifier } from '../verify-identity-tag.ts';
import { type Answer, AnswerInstead, CSRF_FAILED, type HeaderList, json, page, redirect } from './answers.ts';
import { readBody } from './body.ts';
import { failsCsrf } from './csrf.ts';
import { type Faults, waitUnlessGone } from './faults.ts';
import { findView } from './routes.ts';
import { type Delivery, sendAnswer } from './send.ts';
import { type Ask, type House, listMethods, type Method, type View } from './view.ts';

export type Desk = Readonly<{
  house: House;
  registry: Registry;
  verifier: TagVerifier;
  faults: () => Faults;
  /** Aborts when the monolith stops: what hangs by a fault is let go. */
  closing: AbortSignal;
  /** One line about a view that threw. */
  report: (line: string) => void;
}>;

const UNAVAILABLE: Answer = { ...page(503), headers: [['Retry-After', '1']] };

/** Answers one request, in the order of Django's middlewares: identity, tenant, urls, CSRF, view. Never rejects. */
export async function answerRequest(desk: Desk, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const path = splitPath(req);
  let viewHeaders: HeaderList = [];
  let delivery: Delivery = 'whole';
  try {
    const opened = path === '/healthz' ? undefined : await openRequest(desk, req);
    const struck = await strike(desk, req, res);
    if (struck === 'answered') return;
    delivery = struck;
    const answer = opened
      ? await callView(desk, req, opened, (headers) => {
          viewHeaders = headers;
        })
      : json(200, { status: 'ok' });
    await sendAnswer(res, answer, viewHeaders, delivery);
  } catch (error) {
    await answerError(desk, { req, res, viewHeaders, delivery }, error);
  }
}

type Broken = Readonly<{
  req: IncomingMessage;
  res: ServerResponse;
  viewHeaders: HeaderList;
  delivery: Delivery;
}>;

async function answerError(
  desk: Desk,
  { req, res, viewHeaders, delivery }: Broken,
  error: unknown,
): Promise<void> {
  if (res.headersSent || res.destroyed) return void res.destroy();
  if (!(error instanceof AnswerInstead))
    desk.report(`Internal Server Error: ${splitPath(req)}: ${(error as Error).message}`);
  const answer = error instanceof AnswerInstead ? error.answer : page(500);
  await sendAnswer(res, answer, viewHeaders, delivery).catch(() => res.destroy());
}

export function splitPath(req: IncomingMessage): string {
  return (req.url ?? '/').split('?', 1)[0] ?? '/';
}

export type Opened = Readonly<{ tag: IdentityTag; tenant: Tenant }>;

/** Who is calling and whose schema it is, or the page that refuses. */
export async function openRequest(desk: Desk, req: IncomingMessage): Promise<Opened> {
  const verdict = await desk.verifier.verify(req);
  if (!verdict.ok) throw new AnswerInstead(verdict.reason === 'keys_unavailable' ? UNAVAILABLE : page(403));
  const { tag } = verdict;
  const tenant = await (tag.tenant === undefined
    ? desk.registry.findByHost(req.headers.host ?? '')
    : desk.registry.findByName(tag.tenant));
  // django-tenants: "No tenant for hostname".
  if (!tenant) throw new AnswerInstead(page(404));
  return { tag, tenant };
}

/** Lets a planted fault act; says how the answer is to be delivered, or that there is none to give. */
async function strike(desk: Desk, req: IncomingMessage, res: ServerResponse): Promise<Delivery | 'answered'> {
  const fault = desk.faults().find(req.method ?? '', splitPath(req));
  if (!fault) return 'whole';
  if (fault.kind === 'cut') return 'cut';
  if (fault.kind === 'hold') {
    await desk.house.lane.run(() => wait(fault.ms));
    return 'whole';
  }
  if (fault.kind === 'fail') throw new AnswerInstead(page(fault.status));
  if (fault.kind === 'drop') req.socket.destroy();
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  desk.closing.addEventListener('abort', () => req.socket.destroy(), { signal: gone.signal });
  if (fault.kind === 'slow') await waitUnlessGone(fault.ms, gone.signal);
  return fault.kind === 'slow' ? 'whole' : 'answered';
}

async function callView(
  desk: Desk,
  req: IncomingMessage,
  opened: Opened,
  tellHeaders: (headers: HeaderList) => void,
): Promise<Answer> {
  const path = splitPath(req);
  const found = findView(path);
  if (!found) return findView(`${path}/`) ? redirect(addSlash(req.url ?? '/')) : page(404);
  const { view, params } = found;
  if (failsCsrf(req, opened.tag)) return CSRF_FAILED;
  tellHeaders([
    ['Vary', 'Accept, Cookie'],
    ['Allow', listMethods(view).join(', ')],
  ]);
  const verb = (req.method === 'HEAD' ? 'GET' : req.method) as Method;
  if (req.method === 'OPTIONS') return describeView(view);
  const run = Object.hasOwn(view.methods, verb) ? view.methods[verb] : undefined;
  const body =
    run && verb !== 'GET' && view.parses === 'application/json' ? await readBody(req) : Buffer.alloc(0);
  const ask = openAsk(desk.house, { request: req, ...opened, params, body }, view);
  return run ? run(ask) : ask.within(async () => refuseMethod(req));
}

function addSlash(target: string): string {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  // Django escapes a leading `//`, so that nobody is sent to another host.
  return `${path}/${mark < 0 ? '' : target.slice(mark)}`;
}

function describeView(view: View): Answer {
  return json(200, {
    name: view.name,
    description: '',
    renders: ['application/json'],
    parses: [view.parses],
  });
}

function refuseMethod(req: IncomingMessage): Answer {
  return json(405, { detail: `Method "${req.method}" not allowed.` });
}

const NOT_A_USER = json(403, { detail: 'Authentication credentials were not provided.' });

type Given = Pick<Ask, 'request' | 'tag' | 'tenant' | 'params' | 'body'>;

function openAsk(house: House, given: Given, view: View): Ask {
  const { schema } = given.tenant;
  return {
    ...given,
    house,
    within: (work) =>
      house.lane.run(() =>
        house.database.inSchema(schema, async (db) => {
          const user = await findUser(db, given.tag.user);
          if (view.takes === 'users' && !user) throw new AnswerInstead(NOT_A_USER);
          return work(db, user);
        }),
      ),
    beside: (work) => house.database.inSchema(schema, work),
  };
}
