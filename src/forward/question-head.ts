import type { HeadForm, Identity } from '../vocabulary/index.ts';
import { judgeAskedName, NOT_IN_A_VALUE } from './field-name.ts';
import { UnsendableQuestion } from './legacy-failure.ts';

export type QuestionWords = Readonly<{
  method: string;
  target: string;
  /** As legacy is to read it. */
  host: string;
  /** Name and value in turn, the client's and then the gateway's. */
  headers: readonly string[];
  /** Set where other questions have the same `host` and `headers`. */
  form?: HeadForm | undefined;
  identity: Identity;
  /** How the body is framed: its length, `chunked`, or `none`. */
  body: 'none' | 'chunked' | number;
  connection: 'keep-alive' | 'close';
}>;

const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
// Their senders say so where there is no body (RFC 9110 section 8.6).
const TELL_NOTHING = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH']);

/** True for methods whose body means something (RFC 9110 section 9.3). Behind any other, legacy may take a body for the next request. */
export const expectsBody = (method: string) => TELL_NOTHING.has(method);

/**
 * The head of a request, as one string to be written as Latin-1. Throws `UnsendableQuestion` where a part of it could end its line, or says
 * what only this connection may say; admit has taken such lines away.
 */
export function writeQuestion(words: QuestionWords): string {
  const { method, target, form, identity } = words;
  if (!judgeAskedName(method).isName || !TARGET.test(target)) throw new UnsendableQuestion('its first line');
  const said = [method, ' ', target, ' HTTP/1.1'];
  said.push(form === undefined ? writeClients(words) : recall(form, () => writeClients(words)));
  addLines(said, identity.ofRequest);
  const { standing } = identity;
  if (form === undefined) addLines(said, standing);
  else said.push(recall(standing, () => writeLines(standing)));
  said.push(words.connection === 'close' ? '\r\nconnection: close' : '\r\nconnection: keep-alive');
  const framing = describeFraming(method, words.body);
  if (framing !== undefined) said.push(framing);
  said.push('\r\n\r\n');
  // Joined at once: half of what it takes to add one to the other, and nothing is left to be put together when it is written.
  return said.join('');
}

/** Judged and written once for all questions that have them in common. */
const written = new WeakMap<object, string>();

function recall(common: HeadForm | readonly string[], write: () => string): string {
  const known = written.get(common);
  if (known !== undefined) return known;
  const text = write();
  written.set(common, text);
  return text;
}

/** Where legacy is, as the client says it, comes first (RFC 9110 section 7.2). */
function writeClients({ host, headers }: QuestionWords): string {
  if (NOT_IN_A_VALUE.test(host)) throw new UnsendableQuestion('its host');
  const said = ['\r\nhost: ', host];
  addLines(said, headers);
  return said.join('');
}

function writeLines(fields: readonly string[]): string {
  const said: string[] = [];
  addLines(said, fields);
  return said.join('');
}

function addLines(said: string[], fields: readonly string[]): void {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1] ?? '';
    const { key, before, isName, onlyOurs } = judgeAskedName(fields[i] ?? '');
    // Written behind the others, as this connection frames the body.
    if (key === 'content-length') continue;
    if (!isName || onlyOurs || NOT_IN_A_VALUE.test(value)) throw new UnsendableQuestion('a header line');
    said.push(before, value);
  }
}

function describeFraming(method: string, body: QuestionWords['body']): string | undefined {
  if (body === 'chunked') return '\r\ntransfer-encoding: chunked';
  if (body !== 'none') return `\r\ncontent-length: ${body}`;
  return expectsBody(method) ? '\r\ncontent-length: 0' : undefined;
}
