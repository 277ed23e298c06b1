import {
  type Arrival,
  type BLANKS,
  type Credential,
  type Failure,
  fail,
  type HeadForm,
  isFailure,
  type Side,
} from '../vocabulary/index.ts';
import { collectCredentials } from './credentials.ts';
import { checkExpectation, checkFraming, checkProtocol } from './framing.ts';
import { type Head, type RawRequest, readHead } from './head.ts';
import { filterHeaders } from './header-filter.ts';
import { checkLoop, countForwards, writeVia } from './hops.ts';
import { readHost } from './host.ts';
import { readPeer, type TrustedProxies } from './peer.ts';
import { isWebSocket } from './websocket.ts';

type Blank = (typeof BLANKS)[number];

/** What a request says besides its target and its blanks. */
export type Standing = Readonly<
  Pick<Arrival, 'method' | 'host' | 'headers' | 'credentials' | 'wish' | 'upgrade'> & {
    peer: string;
    proto: 'http' | 'https';
  }
>;

/** The values of each blank, in the order in which they came. */
export type Blanks = Readonly<Record<Blank, readonly string[]>>;
export type StandingAndBlanks = Readonly<{ standing: Standing; blanks: Blanks }>;

type Remembered = Readonly<{ standing: Standing; places: Readonly<Record<Blank, readonly number[]>> }>;

/** Judged once for all heads of one form. The form is gone with its connection, and what is remembered of it with the form. */
const remembered = new WeakMap<HeadForm, Remembered>();
const NONE: readonly string[] = [];

/** `trusted` is the same for all that one connection says. */
export function readStanding(req: RawRequest, trusted: TrustedProxies): StandingAndBlanks | Failure {
  const { form, rawHeaders } = req;
  const known = form && remembered.get(form);
  if (known !== undefined) return fillIn(known, rawHeaders);
  const head = readHead(rawHeaders);
  if (isFailure(head)) return head;
  const standing = judgeHead(head, req, trusted);
  if (isFailure(standing)) return standing;
  if (form !== undefined) remembered.set(form, { standing, places: findPlaces(head) });
  return { standing, blanks: listBlanks(head) };
}

function fillIn({ standing, places }: Remembered, rawHeaders: readonly string[]): StandingAndBlanks {
  return {
    standing,
    blanks: {
      traceparent: pick(rawHeaders, places.traceparent),
      tracestate: pick(rawHeaders, places.tracestate),
      'x-request-id': pick(rawHeaders, places['x-request-id']),
    },
  };
}

function pick(rawHeaders: readonly string[], places: readonly number[]): readonly string[] {
  return places.length === 0 ? NONE : places.map((place) => rawHeaders[place] ?? '');
}

function listBlanks({ all }: Head): Blanks {
  return {
    traceparent: all('traceparent'),
    tracestate: all('tracestate'),
    'x-request-id': all('x-request-id'),
  };
}

function findPlaces({ names }: Head): Remembered['places'] {
  const placesOf = (blank: Blank) =>
    names.flatMap(({ lower }, line) => (lower === blank ? [2 * line + 1] : []));
  return {
    traceparent: placesOf('traceparent'),
    tracestate: placesOf('tracestate'),
    'x-request-id': placesOf('x-request-id'),
  };
}

function judgeHead(head: Head, req: RawRequest, trusted: TrustedProxies): Standing | Failure {
  const method = (req.method ?? '').toUpperCase();
  if (method === 'TRACE' || method === 'CONNECT' || method === '') return fail('method_refused');
  const refusal =
    checkProtocol(req, method) ?? checkFraming(head, req) ?? checkExpectation(head) ?? checkLoop(head);
  if (refusal !== undefined) return refusal;
  const host = readHost(head, req);
  if (typeof host !== 'string') return host;
  const credentials = collectCredentials(head);
  if (isFailure(credentials)) return credentials;
  const forwards = countForwards(head, method);
  if (typeof forwards === 'object') return forwards;
  const { address, proto } = readPeer(head, req, trusted);
  return Object.freeze({
    method,
    host,
    headers: listHeaders(head, req, credentials, forwards),
    credentials,
    wish: readWish(head),
    upgrade: isWebSocket(head, req),
    peer: address,
    proto,
  });
}

function readWish(head: Head): Side | undefined {
  const wishes = head.all('x-banyan-side');
  const [wish] = wishes;
  return wishes.length === 1 && (wish === 'legacy' || wish === 'new') ? wish : undefined;
}

function listHeaders(
  head: Head,
  req: RawRequest,
  credentials: readonly Credential[],
  forwards: number | undefined,
): readonly string[] {
  const passed = filterHeaders(head, credentials);
  const headers = forwards === undefined ? passed : replaceForwards(passed, forwards);
  headers.push('Via', writeVia(req));
  return headers;
}

function replaceForwards(headers: readonly string[], forwards: number): string[] {
  return headers.map((text, i) =>
    headers[i - 1]?.toLowerCase() === 'max-forwards' && i % 2 === 1 ? String(forwards) : text,
  );
}
