import { judgeAskedName, NOT_IN_A_VALUE } from './field-name.ts';
import { UnsendableQuestion } from './legacy-failure.ts';

export type QuestionWords = Readonly<{
  method: string;
  target: string;
  /** As legacy is to read it. */
  host: string;
  /** Name and value in turn, the client's and then the gateway's. */
  headers: readonly string[];
  identity: readonly string[];
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
export function writeQuestion({ method, target, host, headers, identity, ...words }: QuestionWords): string {
  if (!judgeAskedName(method).isName || !TARGET.test(target) || NOT_IN_A_VALUE.test(host))
    throw new UnsendableQuestion('its first lines');
  const first = `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: ${words.connection}\r\n`;
  return `${first}${writeLines(headers)}${writeLines(identity)}${writeFraming(method, words.body)}\r\n`;
}

function writeLines(lines: readonly string[]): string {
  let text = '';
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] ?? '';
    const value = lines[i + 1] ?? '';
    const { key, isName, onlyOurs } = judgeAskedName(name);
    // Written behind the others, as this connection frames the body.
    if (key === 'content-length') continue;
    if (!isName || onlyOurs || NOT_IN_A_VALUE.test(value)) throw new UnsendableQuestion('a header line');
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

function writeFraming(method: string, body: QuestionWords['body']): string {
  if (body === 'chunked') return 'transfer-encoding: chunked\r\n';
  if (body !== 'none') return `content-length: ${body}\r\n`;
  return expectsBody(method) ? 'content-length: 0\r\n' : '';
}
