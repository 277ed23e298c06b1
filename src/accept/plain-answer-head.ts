/** Everything that a field's value may not hold (RFC 9110 section 5.5). */
const NOT_IN_A_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const CLOSES = /\bclose\b/i;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export type PlainAnswerWish = Readonly<{
  method: string;
  status: number;
  phrase: string;
  /** Name and value in turn. */
  lines: readonly string[];
  mayStay: boolean;
  keepAliveMs: number;
}>;

export type PlainAnswerHead = Readonly<{
  /** A character a byte. */
  text: string;
  body: 'none' | 'chunked' | 'counted';
  /** The connection ends behind it. */
  isLast: boolean;
}>;

/** What a line's name means to the head as a whole, and what stands before its value. */
type Meaning = 'date' | 'length' | 'connection' | 'nothing';
type Name = {
  readonly meaning: Meaning;
  readonly before: string;
  /** A value that was judged good: most lines say what they said the last time. */
  good: string;
  /** How often another one may still take its place. */
  changes: number;
};
const MEANINGS: Readonly<Record<string, Meaning>> = {
  connection: 'connection',
  'content-length': 'length',
  date: 'date',
};
const MOST_KNOWN = 1_000;
const LONGEST_GOOD = 64;
const MOST_CHANGES = 100;
const known = new Map<string, Name>();

/** The head of an answer to HTTP/1.1, with the words that Node's server adds where a side has not said them, and in its order. */
export function writeAnswerHead(wish: PlainAnswerWish): PlainAnswerHead {
  const { method, status, phrase, lines } = wish;
  if (NOT_IN_A_VALUE.test(phrase)) throw new Error('an answer with control characters in its phrase');
  if (!(status >= 200 && status <= 999)) throw new Error('an answer with a status that is none');
  const said = [`HTTP/1.1 ${status} `, phrase];
  let hasDate = false;
  let hasLength = false;
  let connection: 'close' | 'stay' | undefined;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string;
    const value = lines[i + 1] as string;
    const judged = known.get(name) ?? judge(name);
    const { meaning, before } = judged;
    if (value !== judged.good) judgeValue(judged, value);
    if (meaning === 'date') hasDate = true;
    else if (meaning === 'length') hasLength = true;
    else if (meaning === 'connection' && connection !== 'close')
      connection = CLOSES.test(value) ? 'close' : 'stay';
    said.push(before, value);
  }
  if (!hasDate) said.push('\r\nDate: ', tellDate());
  const isLast = connection === undefined ? !wish.mayStay : connection === 'close';
  if (connection === undefined) said.push(isLast ? '\r\nConnection: close' : stayLine(wish.keepAliveMs));
  const body =
    method === 'HEAD' || status === 204 || status === 304 ? 'none' : hasLength ? 'counted' : 'chunked';
  if (body === 'chunked') said.push('\r\nTransfer-Encoding: chunked');
  said.push('\r\n\r\n');
  return { text: said.join(''), body, isLast };
}

function judge(name: string): Name {
  if (!NAME.test(name)) throw new Error('an answer with a header that has no name');
  const lower = name.toLowerCase();
  const meaning = Object.hasOwn(MEANINGS, lower) ? (MEANINGS[lower] as Meaning) : 'nothing';
  const fresh: Name = {
    meaning,
    before: own(`\r\n${name}: `),
    good: '',
    changes: lower === 'set-cookie' ? 0 : MOST_CHANGES,
  };
  if (known.size < MOST_KNOWN) known.set(own(name), fresh);
  return fresh;
}

function judgeValue(name: Name, value: string): void {
  if (NOT_IN_A_VALUE.test(value)) throw new Error('an answer with control characters in a header');
  // What differs from answer to answer is not worth it, and cookies are secrets.
  if (name.changes === 0 || value.length > LONGEST_GOOD) return;
  name.changes -= 1;
  name.good = own(value);
}

/** Cut out of a head a text would keep all of that head in memory. */
const own = (text: string) => Buffer.from(text, 'latin1').toString('latin1');

let stay = { ms: Number.NaN, line: '' };

function stayLine(ms: number): string {
  if (stay.ms !== ms)
    stay = { ms, line: `\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(ms / 1_000)}` };
  return stay.line;
}

let date = { s: 0, text: '' };

function tellDate(): string {
  const s = Math.floor(Date.now() / 1_000);
  if (date.s !== s) date = { s, text: new Date(s * 1_000).toUTCString() };
  return date.text;
}
