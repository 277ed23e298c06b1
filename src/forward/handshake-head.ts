// http-proxy-middleware writes the heads of a handshake from objects: each name once, repeats together. Names keep their case.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type AnswerHead, readAnswerHead } from './answer-head.ts';
import type { Ask } from './ask.ts';

const SWITCHING = ['Connection', 'Upgrade', 'Upgrade', 'websocket'];

/** What legacy is asked: the client's own lines and who is calling. `host`, `connection` and `upgrade` are looked up by these names. */
export function writeQuestionHead({ arrival, identity }: Ask): IncomingHttpHeaders {
  const own = ['host', arrival.host, 'connection', 'Upgrade', 'upgrade', 'websocket'];
  return joinLines([
    ...(arrival.host === '' ? own.slice(2) : own),
    ...arrival.headers,
    ...identity.ofRequest,
    ...identity.standing,
  ]);
}

/** Makes the answer's head what the client is to see of it. */
export function rewriteAnswerHead(answer: IncomingMessage, added: readonly string[]): AnswerHead {
  const head = readAnswerHead(answer.rawHeaders, added);
  const isChunked = answer.headers['transfer-encoding'] !== undefined;
  const framing = isChunked ? ['transfer-encoding', 'chunked'] : [];
  const lines = answer.statusCode === 101 ? [...SWITCHING, ...head.lines] : [...head.lines, ...framing];
  answer.headers = joinLines(lines);
  answer.httpVersion = '1.1';
  return head;
}

// By these names http-proxy-middleware looks for the length of a refusal's body.
const KNOWN_BY_LOWER_CASE = new Set(['content-length', 'transfer-encoding']);

function joinLines(lines: readonly string[]): IncomingHttpHeaders {
  const joined: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const lower = lines[i]?.toLowerCase() ?? '';
    const name = KNOWN_BY_LOWER_CASE.has(lower) ? lower : (lines[i] ?? '');
    const value = lines[i + 1] ?? '';
    const known = joined[name];
    joined[name] = known === undefined ? value : [known, value].flat();
  }
  return joined;
}
