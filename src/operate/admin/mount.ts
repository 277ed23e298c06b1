import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { Emit } from '../../vocabulary/index.ts';
import type { Answer, Endpoint } from './endpoint.ts';
import { openHostCheck, openTokenCheck } from './guard.ts';
import { type AdminFailure, isRefusal, refuse, statusOf, toProblem } from './problem.ts';

const LARGEST_BODY_BYTES = 256 * 1024;

export type MountWish = Readonly<{ hosts: readonly string[]; token: string }>;
export type TroubleWish = Readonly<{ emit: Emit; isStoreUnavailable(error: unknown): boolean }>;

/** Endpoints become express routes: the guards first, then the body, then the answer. */
export function mountEndpoints(app: Express, endpoints: readonly Endpoint[], wish: MountWish): void {
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

export function guardHost(hosts: readonly string[]): RequestHandler {
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

export function sendRefusal(res: Response, failure: AdminFailure): void {
  const problem = toProblem(failure, String(res.locals.requestId));
  res.status(statusOf(failure)).set('Cache-Control', 'no-store');
  // RFC 9457 gives the media type no charset parameter, which express would add.
  res.setHeader('Content-Type', 'application/problem+json');
  res.end(`${JSON.stringify(problem)}\n`);
}

export function catchErrors({ emit, isStoreUnavailable }: TroubleWish): ErrorRequestHandler {
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
