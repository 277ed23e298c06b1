// The requests that nobody can read in two ways: a whole head at once, nothing behind it, no body, and none of the fields that say
// anything of framing or of the connection. Whatever is not certainly one of these is left to Node's parser, which knows the rest.

/** A request without a body, as Node's parser would tell it. */
export type PlainHead = Readonly<{
  method: 'GET' | 'HEAD';
  url: string;
  /** Name and value in turn. */
  rawHeaders: string[];
}>;

/** Longer heads are rare. */
export const MOST_PLAIN_BYTES = 8 * 1024;

const TARGET = /^\/[\x21-\x7e]*$/;
const NAME = /^[A-Za-z0-9-]+$/;
const NOT_IN_A_VALUE = /[^\x20-\x7e\x80-\xff]/;
const VERSION = ' HTTP/1.1';
const SPACE = 32;

/** These say how a message ends, or what comes behind it. */
const NOT_PLAIN: ReadonlySet<string> = new Set([
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

type Name = Readonly<{ text: string; isConnection: boolean }>;

// Clients use few names, and strangers may make up any number: so many are remembered, the others are judged each time.
const MOST_KNOWN = 1_000;
const LONGEST_NAME = 64;
const known = new Map<string, Name>();

/** `undefined`: not certainly plain. Each character of `text` is a byte. */
export function readPlainHead(text: string): PlainHead | undefined {
  const lineEnd = text.indexOf('\r\n');
  const method = text.startsWith('GET /') ? 'GET' : text.startsWith('HEAD /') ? 'HEAD' : undefined;
  if (method === undefined || !text.startsWith(VERSION, lineEnd - VERSION.length)) return undefined;
  const url = text.slice(method.length + 1, lineEnd - VERSION.length);
  if (!TARGET.test(url)) return undefined;
  const rawHeaders: string[] = [];
  let from = lineEnd + 2;
  for (let end = text.indexOf('\r\n', from); end > from; end = text.indexOf('\r\n', from)) {
    const colon = text.indexOf(':', from);
    if (colon < 0 || colon > end) return undefined;
    const name = findName(text.slice(from, colon));
    const value = readValue(text, colon + 1, end);
    if (name === undefined || value === undefined) return undefined;
    if (name.isConnection && value.toLowerCase() !== 'keep-alive') return undefined;
    rawHeaders.push(name.text, value);
    from = end + 2;
  }
  // Here the empty line must stand, and nothing behind it.
  return from + 2 === text.length && text.endsWith('\r\n\r\n') ? { method, url, rawHeaders } : undefined;
}

function readValue(text: string, from: number, end: number): string | undefined {
  const value = text.slice(text.charCodeAt(from) === SPACE ? from + 1 : from, end);
  if (value === '') return value;
  // Parsers trim values, each in its own way.
  const isTrimmed = value.charCodeAt(0) !== SPACE && value.charCodeAt(value.length - 1) !== SPACE;
  return isTrimmed && !NOT_IN_A_VALUE.test(value) ? value : undefined;
}

function findName(spelling: string): Name | undefined {
  const judged = known.get(spelling);
  if (judged !== undefined) return judged;
  const lower = spelling.toLowerCase();
  const isPlain = NAME.test(spelling) && spelling.length <= LONGEST_NAME && !NOT_PLAIN.has(lower);
  if (!isPlain) return undefined;
  // Cut out of a head it would keep all of that head in memory.
  const own = Buffer.from(spelling, 'latin1').toString('latin1');
  const fresh = Object.freeze({ text: own, isConnection: lower === 'connection' });
  if (known.size < MOST_KNOWN) known.set(own, fresh);
  return fresh;
}
