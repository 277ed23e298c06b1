import { describe, expect, test } from '@jest/globals';
import { type Die, openDie } from '../../../legacy-stub/seed/random.ts';
import type { AnswerForm } from '../../../src/forward/answer-form.ts';
import { readAnswerHead } from '../../../src/forward/answer-head.ts';
import { AnswerReader } from '../../../src/forward/answer-reader.ts';

// A connection that has carried an answer must make of the next what one that has carried none makes of it.

type Answer = Readonly<{ method: string; pieces: readonly string[] }>;
type Began = Readonly<{ status: number; phrase: string; raw: string[]; form: AnswerForm | undefined }>;

/** Everything that is told of one answer, and of the connection behind it. */
function hear(reader: AnswerReader, { method, pieces }: Answer) {
  const told: unknown[] = [];
  const begun: Began[] = [];
  const hearer = {
    began: (status: number, phrase: string, raw: string[], form?: AnswerForm) => {
      begun.push({ status, phrase, raw, form });
      told.push(['began', status, phrase, [...raw]]);
    },
    piece: (bytes: Buffer) => told.push(['piece', bytes.toString('latin1')]),
    whole: () => told.push('whole'),
  };
  let isBroken = false;
  reader.expect(method);
  try {
    for (const piece of pieces) {
      if (!reader.isWhole) told.push(['used', reader.read(Buffer.from(piece, 'latin1'), hearer)]);
    }
    told.push(['stays', reader.staysMs, reader.hasBegun, reader.isWhole]);
    if (!reader.isWhole) reader.end(hearer);
  } catch (error) {
    isBroken = true;
    told.push(['thrown', String(error)]);
  }
  return { told: JSON.stringify(told), begun, isBroken };
}

const hearAnew = (answer: Answer) => hear(new AnswerReader(), answer).told;

const DAY = 'Mon, 05 Jan 2026 00:00:0';
const VALUES: Readonly<Record<string, readonly string[]>> = {
  Date: [`${DAY}1 GMT`, `${DAY}2 GMT`, `${DAY}3 GMT`],
  ETag: ['"1"', '"22"', 'W/"3"', ''],
  'last-modified': [`${DAY}4 GMT`, `${DAY}5 GMT \t`, '  never'],
  'Set-Cookie': ['sessionid=a', 'sessionid=bb', 'theme=dark'],
};
const OTHERS = [
  ...['Content-Type: application/json', 'Content-Type: text/event-stream', 'X-Foo: 1', 'X-Etag: "1"'],
  ...['X-Served-By: legacy', 'Connection: keep-alive', 'Connection: close', 'Connection: x-foo, ETag'],
  ...['Vary:', 'Keep-Alive: timeout=5', 'Keep-Alive: timeout=60, max=100', 'Date : now'],
];
const STATUSES = [
  ...['1.1 200 OK', '1.1 200 OK', '1.1 200', '1.1 404 Not Found'],
  ...['1.1 204 No Content', '1.1 304 Not Modified', '1.0 200 OK'],
];
const ODD = [
  ...['', '\r', '\n', '\0', '\t', ' ', ':', '\r\n', '\r\n\r\n', '\x7f', '\xa0', '\xe9', 'a', '0', '1', ','],
  ...['+1', '\r\nX-More: 1', '\r\nContent-Length: 1', '\r\n b', '\r\nTransfer-Encoding: chunked', 'close'],
];

type Draft = { status: string; names: string[]; framing: string; method: string };

function drawDraft(die: Die): Draft {
  const names = [...Object.keys(VALUES), ...OTHERS].filter((name) =>
    die.onceIn(name === 'Set-Cookie' || name === 'Date : now' ? 12 : 3),
  );
  const framing = die.pick(['length', 'length', 'length', 'chunked', 'chunked', 'none', 'both']);
  if (framing === 'length' || framing === 'both')
    names.splice(die.between(0, names.length), 0, 'Content-Length');
  if (framing === 'chunked' || framing === 'both') names.push('Transfer-Encoding: Chunked');
  return { status: die.pick(STATUSES), names, framing, method: die.pick(['GET', 'GET', 'GET', 'HEAD']) };
}

function writeAnswer({ status, names, framing, method }: Draft, die: Die): string {
  const body = 'x\r\n\r\ny'.repeat(die.between(0, 3));
  const lines = names.map((name) => {
    const space = die.pick(['', ' ', ' ', '\t ']);
    if (name === 'Content-Length')
      return `${name}:${space}${die.pick(['', '0'])}${body.length}${die.pick(['', ' '])}`;
    return VALUES[name] === undefined ? name : `${name}:${space}${die.pick(VALUES[name])}`;
  });
  const head = [`HTTP/${status}`, ...lines, '', ''].join('\r\n');
  if (method === 'HEAD' || / (204|304) /.test(status)) return head;
  if (framing === 'length' || framing === 'none') return head + body;
  return `${head}${body === '' ? '' : `${body.length.toString(16)};a=b\r\n${body}\r\n`}0\r\nX-Sum: 1\r\n\r\n`;
}

const HINTS = 'HTTP/1.1 103 Early Hints\r\nDate: 1\r\nLink: </a>\r\n\r\n';

function spoil(text: string, die: Die): string {
  const at = die.between(0, Math.max(text.indexOf('\r\n\r\n'), 0) + 4);
  return text.slice(0, at) + die.pick(ODD) + text.slice(at + die.between(0, 2));
}

function cut(text: string, die: Die): readonly string[] {
  if (!die.onceIn(8)) return [text];
  const at = die.between(0, text.length);
  return [text.slice(0, at), ...cut(text.slice(at), die)].filter((piece) => piece !== '');
}

/** Everything that one connection carries. */
function drawConnection(die: Die, count: number): readonly Answer[] {
  let draft = drawDraft(die);
  return Array.from({ length: count }, () => {
    if (die.onceIn(6)) draft = drawDraft(die);
    if (die.onceIn(10)) draft = { ...draft, status: die.pick(STATUSES) };
    if (die.onceIn(10)) draft = { ...draft, names: draft.names.toReversed() };
    if (die.onceIn(10)) draft = { ...draft, method: die.pick(['GET', 'HEAD']) };
    let text = writeAnswer(draft, die);
    if (die.onceIn(12)) text = HINTS.repeat(die.between(1, 2)) + text;
    if (die.onceIn(6)) text = spoil(text, die);
    if (die.onceIn(20)) text += 'HTTP/1.1 200 OK\r\n\r\n';
    return { method: draft.method, pieces: cut(text, die) };
  });
}

const BLANK = /^(content-length|date|etag|last-modified)$/i;
const blankLines = (raw: readonly string[]) =>
  raw.map((text, i) => (BLANK.test(raw[i - 1] ?? '') ? '9' : text));
const blank = ({ status, phrase, raw }: Began) => JSON.stringify([status, phrase, blankLines(raw)]);

describe.each(['one', 'two', 'three', 'four', 'five'])('answers one behind the other, %s', (seed) => {
  /** What one reader, or as many as there are broken answers, tells of all of them. */
  const heard = Array.from({ length: 10 }, (_, nr) => {
    let reader = new AnswerReader();
    return drawConnection(openDie(`answers of one form ${seed} ${nr}`), 120).map((answer) => {
      const { isBroken, ...said } = hear(reader, answer);
      if (isBroken) reader = new AnswerReader();
      return { answer, ...said };
    });
  }).flat();
  const begun = heard.flatMap((each) => each.begun);

  test('are told as if each were the first, and are not changed by those behind them', () => {
    const astray = heard.filter(({ answer, told }) => told !== hearAnew(answer));
    const changed = heard.filter(({ told, begun: [head] }) => {
      return head && !told.includes(JSON.stringify(['began', head.status, head.phrase, head.raw]));
    });

    expect(astray).toEqual([]);
    expect(changed).toEqual([]);
    expect(begun.length).toBeGreaterThan(700);
  });

  test('have a form in common only where they differ in blanks alone', () => {
    const textOf = new Map<AnswerForm, string>();
    for (const head of begun) {
      if (head.form === undefined) continue;
      expect(textOf.get(head.form) ?? blank(head)).toBe(blank(head));
      expect(head.form.status).toBe(head.status);
      expect(head.raw).not.toContain('Set-Cookie');
      textOf.set(head.form, blank(head));
    }
    expect(textOf.size).toBeGreaterThan(50);
  });

  test('go on to the client as they would without a form', () => {
    for (const [i, { raw, form }] of begun.entries()) {
      const added = ['X-Served-By', `legacy ${i}`];
      expect(readAnswerHead(raw, added, form)).toEqual(readAnswerHead(raw, added));
    }
  });
});

const BASE =
  'HTTP/1.1 200 OK\r\nDate: 1\r\nX-A: b\r\nETag: "1"\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\n';

const SAID = `${BASE}ok`;
const PLACES = Array.from({ length: BASE.length + 1 }, (_, at) => at);

function isAstray(before: readonly string[], pieces: readonly string[]): boolean {
  const reader = new AnswerReader();
  hear(reader, { method: 'GET', pieces: before });
  const answer = { method: 'GET', pieces };
  return hear(reader, answer).told !== hearAnew(answer);
}

test('a head with any byte changed, inserted or left out is told as if it were the first', () => {
  const texts = PLACES.flatMap((at) =>
    ODD.flatMap((odd) => [0, 1].map((gone) => SAID.slice(0, at) + odd + SAID.slice(at + gone))),
  );

  expect(texts.filter((text) => isAstray([SAID], [`${text}HTTP/1.1`]))).toEqual([]);
});

test('a head that comes in two pieces, or the end of one, or one begun twice, is told as if it were the first', () => {
  const astray = PLACES.filter((at) => {
    const [begin, end] = [SAID.slice(0, at), SAID.slice(at)];
    const next = [[SAID], [begin, end], [end], [begin, SAID]];
    return next.some((pieces) => isAstray([SAID], pieces) || isAstray([begin, end], pieces));
  });

  expect(astray).toEqual([]);
});

/** The forms of answers that come one behind the other on one connection. */
function formsOf(texts: readonly string[]): readonly (AnswerForm | undefined)[] {
  const reader = new AnswerReader();
  return texts.map((text) => hear(reader, { method: 'HEAD', pieces: [text] }).begun[0]?.form);
}

test('answers that differ in blanks alone have one form from the second on', () => {
  const other = BASE.replace('"1"', '').replace(': 1', ':\t2 ').replace('Length: 2', 'Length: 33');
  const [first, second, third, fourth] = formsOf([BASE, other, BASE, other]);

  expect(first).toBeUndefined();
  expect(second).toEqual({ status: 200 });
  expect(third).toBe(second);
  expect(fourth).toBe(second);
  expect(formsOf([BASE, BASE])[1]).not.toBe(second);
});

test.each([
  ['another status', BASE.replace('200', '201')],
  ['another phrase', BASE.replace('OK', 'Fine')],
  ['another version', BASE.replace('1.1', '1.0')],
  ['another value', BASE.replace('b\r\n', 'c\r\n')],
  ['a blank in other letters', BASE.replace('ETag', 'Etag')],
  ['a blank less', BASE.replace('ETag: "1"\r\n', '')],
  ['a blank twice', BASE.replace('ETag', 'ETag: "0"\r\nETag')],
  ['a line more', BASE.replace('X-A', 'X-B: 1\r\nX-A')],
  ['a cookie', BASE.replace('X-A', 'Set-Cookie: a=b\r\nX-A')],
])('a form is not kept over %s', (_what, text) => {
  const [, before, other, after, again] = formsOf([BASE, BASE, text, BASE, BASE]);

  expect([other, after]).toEqual([undefined, undefined]);
  expect(again).toBeDefined();
  expect(again).not.toBe(before);
});

test('answers with the same cookie have no form', () => {
  const withCookie = BASE.replace('X-A', 'Set-Cookie: a=b\r\nX-A');

  expect(formsOf([withCookie, withCookie])).toEqual([undefined, undefined]);
});

test.each([
  ['lines that end here', ['Connection', 'keep-alive', 'X-A', '1', 'Keep-Alive', 'timeout=5', 'ETag', '"1"']],
  ['a line that Connection nominates', ['X-Foo', '1', 'Connection', 'x-foo', 'X-A', '1']],
  ['a blank that Connection nominates', ['Date', '1', 'Connection', 'close, Date', 'Content-Length', '2']],
  ['cookies', ['Set-Cookie', 'a=b', 'ETag', '"1"', 'Set-Cookie', 'c=d']],
  ['a stream of events', ['content-type', 'Text/Event-Stream; a=b', 'Date', '1']],
])('a head of a form goes on as one without: %s', (_what, raw) => {
  const form: AnswerForm = { status: 200 };
  for (const [i, lines] of [raw, blankLines(raw), raw].entries())
    expect(readAnswerHead(lines, ['X-No', `${i}`], form)).toEqual(readAnswerHead(lines, ['X-No', `${i}`]));
});
