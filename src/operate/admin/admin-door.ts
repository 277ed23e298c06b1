import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { Emit, FlipLog } from '../../vocabulary/index.ts';
import { openFlipDesk } from '../flip/flip-desk.ts';
import { type Gateway, openTableInForce, type TableTexts } from '../ports.ts';
import { type Answer, defineEndpoint, type Endpoint } from './endpoint.ts';
import { openEventHub } from './event-hub.ts';
import { type EventStreams, openEventStreams } from './event-stream.ts';
import { listFlipEndpoints } from './flip-endpoints.ts';
import { openHostCheck, openTokenCheck, SECURITY_HEADERS } from './guard.ts';
import { type HealthParts, listHealthEndpoints } from './health-endpoints.ts';
import { type KeyParts, listKeyEndpoints } from './key-endpoints.ts';
import { openApiEndpoint } from './openapi.ts';
import { type AdminFailure, isRefusal, refuse, statusOf, toProblem } from './problem.ts';
import { listRouteEndpoints } from './route-endpoints.ts';

export type AdminDoorWish = HealthParts &
  KeyParts &
  Readonly<{
    /** The gateway's decide. */
    inForce: Gateway;
    texts: TableTexts;
    /** The route table's path. */
    tableFile: string;
    flips: FlipLog;
    /** What every request but health, metrics and key set must carry as `Authorization: Bearer`. */
    token: string;
    emit: Emit;
    /** Observe's: calls back for every event, and answers the way to stop it. */
    subscribe(listener: Emit): () => void;
    /** Names under which the door may be called, besides localhost and IP addresses. */
    hosts: readonly string[];
    /** Tells the store's outage from a bug. */
    isStoreUnavailable(error: unknown): boolean;
  }>;

export type AdminDoor = Readonly<{
  listener: RequestListener;
  /** Ends the event streams, so that the server can close. */
  close(): void;
}>;

const CONSOLE_FOLDER = fileURLToPath(new URL('../console', import.meta.url));
const LARGEST_BODY_BYTES = 256 * 1024;

/** The operators' door: health for machines, the API for the console and the command line, the console's own files. */
export function openAdminDoor(wish: AdminDoorWish): AdminDoor {
  const hub = openEventHub();
  const leave = wish.subscribe(hub.emit);
  const streams = openEventStreams(hub);
  const app = openApp();
  mountEndpoints(app, listEndpoints(wish, streams), wish);
  app.use(
    guardHost(wish.hosts),
    express.static(CONSOLE_FOLDER, { setHeaders: setConsoleHeaders, redirect: false }),
  );
  app.use((_req, res) => sendRefusal(res, refuse('path_unknown')));
  app.use(catchErrors(wish));
  const close = () => {
    leave();
    streams.closeAll();
  };
  return Object.freeze({
    listener: (req: IncomingMessage, res: ServerResponse) => void app(req, res),
    close,
  });
}

function openApp(): Express {
  const app = express();
  app
    .disable('x-powered-by')
    .disable('etag')
    .set('query parser', 'simple')
    .set('case sensitive routing', true);
  app.use((_req, res, next) => {
    res.locals.requestId = randomUUID();
    res.set(SECURITY_HEADERS).set('X-Request-Id', res.locals.requestId);
    next();
  });
  return app;
}

/** Everything that the door answers, in one list. */
function listEndpoints(wish: AdminDoorWish, streams: EventStreams): readonly Endpoint[] {
  const { texts, tableFile: file, flips, emit } = wish;
  const inForce = openTableInForce(wish.inForce);
  const desk = openFlipDesk({ inForce, texts, file, flips, emit });
  const listed = [
    ...listHealthEndpoints(wish),
    ...listRouteEndpoints(inForce, desk),
    ...listFlipEndpoints(flips, desk),
    ...listKeyEndpoints(wish),
    defineEndpoint({
      method: 'GET',
      path: '/api/events',
      summary: 'Live events (server-sent): tables, flips, flags, breakers, parts.',
      access: 'token',
      headers: {
        'Last-Event-ID': 'Optional: the last event that was seen; later ones that are still kept come first.',
      },
      answers: { 200: { means: 'A stream that does not end.', media: 'text/event-stream' } },
      answer: ({ headers }) => streams.open(headers['last-event-id']?.toString()),
    }),
  ];
  return [...listed, openApiEndpoint(listed)];
}

function mountEndpoints(app: Express, endpoints: readonly Endpoint[], wish: AdminDoorWish): void {
  const byPath = Map.groupBy(endpoints, ({ path }) => path);
  const closed = [guardHost(wish.hosts), guardToken(wish.token), readJson()];
  for (const [path, group] of byPath) {
    const place = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    for (const endpoint of group) {
      const answer: RequestHandler = async (req, res) =>
        sendAnswer(req, res, await endpoint.answer(readRequest(req)));
      const method = endpoint.method.toLowerCase() as 'get' | 'post' | 'patch';
      place[method](...(endpoint.access === 'token' ? closed : []), answer);
    }
    place.all(refuseMethod(group));
  }
}

function guardHost(hosts: readonly string[]): RequestHandler {
  const isAllowed = openHostCheck(hosts);
  return (req, res, next) =>
    isAllowed(req.headers.host) ? next() : sendRefusal(res, refuse('host_refused'));
}

function guardToken(token: string): RequestHandler {
  const isGood = openTokenCheck(token);
  return (req, res, next) => {
    if (isGood(req.headers.authorization)) return next();
    res.set('WWW-Authenticate', 'Bearer realm="banyan admin"');
    sendRefusal(res, refuse('admin_token_invalid'));
  };
}

/** Read only behind the token: a stranger's body is not worth a byte of memory. */
function readJson(): RequestHandler {
  const parse = express.json({ limit: LARGEST_BODY_BYTES, inflate: false, type: 'application/json' });
  return (req, res, next) => {
    const hasBody =
      req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
    if (hasBody && !req.is('application/json')) return sendRefusal(res, refuse('body_not_json'));
    parse(req, res, next);
  };
}

function readRequest({ params, headers, body, query }: Request) {
  return {
    params: params as Record<string, string>,
    headers,
    body: body as unknown,
    query: { ...query } as unknown,
  };
}

function refuseMethod(group: readonly Endpoint[]): RequestHandler {
  const methods = group.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  return (_req, res) => {
    res.set('Allow', methods);
    sendRefusal(res, refuse('method_unknown', `This path takes ${methods}.`));
  };
}

function sendAnswer(req: Request, res: Response, answer: Answer): void {
  if (isRefusal(answer)) return sendRefusal(res, answer);
  if ('stream' in answer) return answer.stream(req, res);
  res.status(answer.status).set('Cache-Control', 'no-store');
  if ('text' in answer) res.set('Content-Type', answer.type).send(answer.text);
  else res.set(answer.headers ?? {}).json(answer.json);
}

function sendRefusal(res: Response, failure: AdminFailure): void {
  const problem = toProblem(failure, String(res.locals.requestId));
  res.status(statusOf(failure)).set('Cache-Control', 'no-store');
  // RFC 9457 gives the media type no charset parameter, which express would add.
  res.setHeader('Content-Type', 'application/problem+json');
  res.end(`${JSON.stringify(problem)}\n`);
}

/** Short-lived, so that a new version's files arrive together. */
function setConsoleHeaders(res: ServerResponse): void {
  res.setHeader('Cache-Control', 'no-cache');
}

function catchErrors({ emit, isStoreUnavailable }: AdminDoorWish): ErrorRequestHandler {
  return (error: unknown, _req, res, _next) => {
    if (res.headersSent) return void res.destroy();
    const refused = nameRefusal(error, isStoreUnavailable);
    if (!refused)
      emit({ type: 'bug', where: 'admin', error: error instanceof Error ? error.message : String(error) });
    sendRefusal(res, refused ?? refuse('internal_error'));
  };
}

/** What express and its body parser throw at callers' mistakes. */
function nameRefusal(
  error: unknown,
  isStoreUnavailable: (error: unknown) => boolean,
): AdminFailure | undefined {
  if (isStoreUnavailable(error)) return refuse('store_unavailable');
  const { type, status } = error as { type?: unknown; status?: unknown };
  if (type === 'entity.too.large') return refuse('body_too_big');
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') return refuse('body_not_json');
  if (type === 'entity.parse.failed')
    return refuse('body_invalid', 'The body is not JSON. Check its quotes and commas.');
  return typeof status === 'number' && status >= 400 && status < 500 ? refuse('body_invalid') : undefined;
}
