import { describe, expect, test } from '@jest/globals';
import { type Die, openDie } from '../../../legacy-stub/seed/random.ts';
import { type PlainHead, PlainHeads } from '../../../src/accept/plain-head.ts';
import { BLANKS, type HeadForm } from '../../../src/vocabulary/index.ts';

// A connection that has heard the last head must say of the next what one that has heard nothing says of it.

const LINES = [
  'Host: acme.localhost',
  'Connection: keep-alive',
  'User-Agent: k6/0.49',
  'Accept: */*',
  'X-Empty:',
  'Cookie: sessionid=ksdjfh34897',
];
const BLANK_NAMES = ['traceparent', 'tracestate', 'x-request-id', 'X-Request-ID', 'TraceParent'];
const NOT_BLANK = ['X-Request-Idx', 'X-Request', 'Traceparen', 'X-Note'];
const VALUES = [
  '1',
  'a-b-c',
  'a: b',
  'x-request-id: 2',
  '\xe9\xff',
  'k=v,l=w',
  '00-0af7651916cd43dd-01',
  '0',
];
const ODD_VALUES = [
  ...['', ' ', '\t', ' a', 'a ', '\ta', 'a\t', 'a\tb', 'a\rb', 'a\nb', 'a\0b', 'a\x7fb', '\r', '\n', 'a\r'],
  ...['a\r\nX-More: 1', 'a\r\n', '\r\nA: 1', 'a\r\n\r\n', 'a\r\n b', 'a\r\nContent-Length: 3', 'a\r\r\nb'],
];
const ODD_BYTES = ['\r', '\n', '\0', '\t', ' ', ':', '\r\n', '\r\n\r\n', '\x7f', '\xe9', 'a', '/', '_', '  '];

type Draft = { method: string; target: string; lines: string[] };

const write = ({ method, target, lines }: Draft) =>
  `${method} ${target} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

const drawBlank = (die: Die) =>
  `${die.pick(BLANK_NAMES)}:${die.pick(['', ' ', ' '])}${die.pick(die.onceIn(12) ? ODD_VALUES : VALUES)}`;

function drawDraft(die: Die): Draft {
  const lines = LINES.filter(() => !die.onceIn(3));
  for (let left = die.between(0, 3); left > 0; left -= 1)
    lines.splice(die.between(0, lines.length), 0, drawBlank(die));
  return { method: die.pick(['GET', 'GET', 'HEAD']), target: '/', lines };
}

/** As a client asks again: another target, and other values in the blanks. */
function askAgain(draft: Draft, die: Die): Draft {
  const lines = draft.lines.map((line) => {
    const name = line.slice(0, line.indexOf(':'));
    if (!BLANK_NAMES.includes(name)) return line;
    return name + drawBlank(die).replace(/^[^:]*/, '');
  });
  return { ...draft, target: die.pick(['/', '/a?b=c', '/d#e', '//f']), lines };
}

function changeLines(draft: Draft, die: Die): Draft {
  const lines = [...draft.lines];
  const at = die.between(0, lines.length);
  const change = die.between(1, 6);
  if (change === 1) lines.splice(at, 0, drawBlank(die));
  else if (change === 2) lines.splice(at, 0, `${die.pick(NOT_BLANK)}: ${die.pick(VALUES)}`);
  else if (change === 3) lines.splice(at, 1);
  else if (change === 4) lines.reverse();
  else if (change === 5) lines.splice(at, 0, ...lines.slice(at, at + 1));
  else return { ...draft, method: die.pick(['GET', 'HEAD', 'POST', 'get']) };
  return { ...draft, lines };
}

function spoil(text: string, die: Die): string {
  const at = die.between(0, text.length);
  return text.slice(0, at) + (die.onceIn(4) ? '' : die.pick(ODD_BYTES)) + text.slice(at + die.between(0, 2));
}

/** All that one client says on one connection. */
function drawConnection(die: Die, count: number): readonly string[] {
  let draft = drawDraft(die);
  return Array.from({ length: count }, () => {
    if (die.onceIn(12)) draft = drawDraft(die);
    else if (die.onceIn(6)) draft = changeLines(draft, die);
    else draft = askAgain(draft, die);
    return die.onceIn(6) ? spoil(write(draft), die) : write(draft);
  });
}

const words = (head: PlainHead | undefined) =>
  head && JSON.stringify([head.method, head.url, head.rawHeaders]);
const readAnew = (text: string) => words(new PlainHeads().read(text));

/** A head that is plain, without its target and what stands in its blanks. */
function blank(text: string): string {
  const [first = '', ...lines] = text.split('\r\n');
  const rest = lines.map((line) => {
    const name = line.slice(0, line.indexOf(':'));
    return (BLANKS as readonly string[]).includes(name.toLowerCase()) ? `${name}:` : line;
  });
  return [first.split(' ')[0], ...rest].join('\r\n');
}

describe.each(['one', 'two', 'three', 'four', 'five'])('heads that come one behind the other, %s', (seed) => {
  const connections = Array.from({ length: 10 }, (_, nr) =>
    drawConnection(openDie(`heads of one form ${seed} ${nr}`), 120),
  );

  test('are read as if each were the first, and are not changed by those behind them', () => {
    for (const texts of connections) {
      const heads = new PlainHeads();

      const read = texts.map((text) => {
        const head = heads.read(text);
        return { text, head, said: words(head) };
      });

      expect(read.map(({ text, said }) => [text, said])).toEqual(texts.map((text) => [text, readAnew(text)]));
      expect(read.map(({ head }) => words(head))).toEqual(read.map(({ said }) => said));
    }
  });

  test('have one form where they are alike, and none where they are not like the one before', () => {
    const counts = { alike: 0, different: 0, refused: 0 };
    const textOf = new Map<HeadForm, string>();
    for (const texts of connections) {
      const heads = new PlainHeads();
      let last: { blanked: string; form: HeadForm | undefined } | undefined;
      for (const text of texts) {
        const head = heads.read(text);
        const blanked = blank(text);
        if (head === undefined) counts.refused += 1;
        else if (last?.blanked === blanked) {
          counts.alike += 1;
          expect(head.form).toEqual({ method: head.method });
          if (last.form !== undefined) expect(head.form).toBe(last.form);
        } else if (last !== undefined) {
          counts.different += 1;
          expect(head.form).toBeUndefined();
        }
        if (head?.form !== undefined) {
          expect(textOf.get(head.form) ?? blanked).toBe(blanked);
          textOf.set(head.form, blanked);
        }
        last = head && { blanked, form: head.form };
      }
    }
    expect(counts.alike).toBeGreaterThan(200);
    expect(counts.different).toBeGreaterThan(80);
    expect(counts.refused).toBeGreaterThan(150);
  });
});

const HOST = 'Host: y\r\n';
const BASE = `GET /a HTTP/1.1\r\ntraceparent: 00-1\r\n${HOST}Connection: keep-alive\r\nX-Request-Id: 7\r\n\r\n`;

/** A connection that has heard this head twice. */
function warm(text: string): { heads: PlainHeads; form: HeadForm | undefined } {
  const heads = new PlainHeads();
  heads.read(text);
  return { heads, form: heads.read(text)?.form };
}

test('a head with any one byte changed, inserted or left out is read as if it were the first', () => {
  const bytes = ['', '\r\n', ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))];
  const places = Array.from({ length: BASE.length + 1 }, (_, at) => at);
  const texts = places.flatMap((at) =>
    bytes.flatMap((byte) => [0, 1].map((gone) => BASE.slice(0, at) + byte + BASE.slice(at + gone))),
  );
  const heads = new PlainHeads();

  const astray = texts.filter((text) => {
    heads.read(BASE);
    return words(heads.read(text)) !== readAnew(text);
  });

  expect(astray).toEqual([]);
});

test.each([
  ['another target', BASE.replace('/a', '/b?c=d#e')],
  ['other values', BASE.replace('00-1', 'x').replace('7', '12345678')],
  ['values that look like lines', BASE.replace('00-1', `x-request-id: 1 ${HOST.trim()}`)],
  ['an empty value', BASE.replace(' 00-1', '')],
  ['no space before a value', BASE.replace(' 7', '8')],
  ['empty values all around', BASE.replace(' 00-1', ' ').replace(' 7', '')],
])('is of the same form: %s', (_what, text) => {
  const { heads, form } = warm(BASE);

  const head = heads.read(text);

  expect(form).toBeDefined();
  expect(head?.form).toBe(form);
  expect(words(head)).toBe(readAnew(text));
  expect(heads.read(BASE)?.form).toBe(form);
});

test.each([
  ['another method', BASE.replace('GET', 'HEAD')],
  ['a name in other letters', BASE.replace('Host', 'HOST')],
  ['a blank in other letters', BASE.replace('Request-Id', 'Request-ID')],
  ['another value', BASE.replace('y\r\n', 'z\r\n')],
  ['no space before a value', BASE.replace(': y', ':y')],
  ['a line more', BASE.replace(HOST, `${HOST}X-A: 1\r\n`)],
  ['a line more at the end', `${BASE.slice(0, -2)}X-A: 1\r\n\r\n`],
  ['a line less', BASE.replace(HOST, '')],
  ['a line twice', BASE.replace(HOST, HOST + HOST)],
  ['lines in another order', BASE.replace(HOST, '').replace('traceparent', `${HOST}traceparent`)],
  ['a blank more', BASE.replace(HOST, `${HOST}tracestate: a=1\r\n`)],
  ['a blank more at the end', `${BASE.slice(0, -2)}tracestate: a=1\r\n\r\n`],
  ['a blank less', BASE.replace('traceparent: 00-1\r\n', '')],
  ['a blank less at the end', BASE.replace('X-Request-Id: 7\r\n', '')],
  ['a blank twice', BASE.replace(HOST, `traceparent: 00-1\r\n${HOST}`)],
  ['no line at all', 'GET /a HTTP/1.1\r\n\r\n'],
])('is of another form: %s', (_what, text) => {
  const { heads, form } = warm(BASE);

  const first = heads.read(text);
  const second = heads.read(text);

  expect([first?.form, words(first)]).toEqual([undefined, readAnew(text)]);
  expect(second?.form).toBeDefined();
  expect(second?.form).not.toBe(form);
  expect(words(second)).toBe(readAnew(text));
  expect(heads.read(BASE)?.form).toBeUndefined();
});

test('a head that is longer than 2 KB is read, and not kept', () => {
  const long = BASE.replace(HOST, `${HOST}X-Long: ${'a'.repeat(2 * 1024)}\r\n`);
  const { heads, form } = warm(long);

  expect(form).toBeUndefined();
  expect(words(heads.read(long))).toBe(readAnew(long));
});

test('connections that say the same share no form', () => {
  expect(warm(BASE).form).not.toBe(warm(BASE).form);
});
