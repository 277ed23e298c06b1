import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { openMask } from '../../../src/mirror/mask/index.ts';
import { DEFAULT_MIRROR_RULES, type MirrorRules, type SideAnswer } from '../../../src/vocabulary/index.ts';
import { answer, compareAnswers, seedRandom } from './compare-answers.ts';

const MILLION = 1_000_000;
const repeat = (text: string, times: number) => text.repeat(times);
const list = (length: number, item: (i: number) => string) =>
  `[${Array.from({ length }, (_, i) => item(i)).join(',')}]`;
const record = (length: number, field: (i: number) => string) =>
  `{${Array.from({ length }, (_, i) => field(i)).join(',')}}`;
const nest = (depth: number, core: string) => `${repeat('[', depth)}${core}${repeat(']', depth)}`;
const random = seedRandom(7);
const digits = (length: number) =>
  Array.from({ length }, () => Math.floor(random() * 10))
    .join('')
    .replace(/^0/, '1');

/** Bodies that were made to cost time or memory, to be taken for something else, or to break whatever reads them. */
const CORPUS: Readonly<Record<string, string | Uint8Array>> = {
  nothing: '',
  'a million open brackets': repeat('[', MILLION),
  'a million open braces': repeat('{"a":', MILLION),
  'a million brackets, closed': nest(MILLION, ''),
  'a million values': list(MILLION, () => '0'),
  'a million bare commas': `[${repeat(',', MILLION)}]`,
  'values up to the bound': list(199_000, (i) => String(i % 13)),
  'others up to the bound': list(199_000, (i) => String((i * 7) % 11)),
  'a hundred thousand keys': record(100_000, (i) => `"k${i}":${i}`),
  'a hundred thousand other keys': record(100_000, (i) => `"q${i}":${i}`),
  'a hundred thousand times one key': record(100_000, (i) => `"a":${i}`),
  'keys of prototypes':
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"valueOf":null}',
  'a number of a million digits': `[${repeat('9', MILLION)}]`,
  'a number with a huge exponent': '[1e999999999999999999999]',
  'a number with a million zeros': `[1${repeat('0', MILLION)}]`,
  'many long numbers': list(400, (i) => `1${repeat('0', 390)}${i}`),
  'many other long numbers': list(400, (i) => `${digits(390)}${i}`),
  'many long numbers as texts': list(400, (i) => `"0.${repeat('0', 380)}${i}"`),
  'a text of a million letters': JSON.stringify(repeat('a', MILLION)),
  'a text of a million escapes': `"${repeat('\\u0041', MILLION)}"`,
  'texts with one long beginning': list(450, (i) => JSON.stringify(`${repeat('a', 2_000)}${i}`)),
  'texts with another ending': list(450, (i) => JSON.stringify(`${repeat('a', 2_000)}${-i}`)),
  'records alike but for their ends': list(400, (i) => record(100, (j) => `"f${j}":${j === 99 ? i : 0}`)),
  'records alike but for their starts': list(400, (i) => record(100, (j) => `"f${j}":${j === 0 ? -i : 1}`)),
  'one wide record in a list': `[${record(60_000, (i) => `"f${i}":1`)}]`,
  'many small records': list(4_000, (i) => `{"f${i}":1,"g":${i % 7}}`),
  'lists in lists': list(60, (i) => list(60, (j) => list(10, (k) => String((i * j + k) % 17)))),
  'other lists in lists': list(60, (i) => list(60, (j) => list(10, (k) => String((i + j * k) % 19)))),
  'deep and wide': Array.from({ length: 60 }).reduce<string>(
    (inner, _, i) => `[${list(100, (j) => String((i * j) % 7))},${inner}]`,
    '1',
  ),
  'deep and wide, otherwise': Array.from({ length: 60 }).reduce<string>(
    (inner, _, i) => `[${list(100, (j) => String((i + j) % 5))},${inner}]`,
    '2',
  ),
  'deep with many leaves': `${repeat('{"long_name_of_a_field":', 60)}${list(100_000, (i) => String(i))}${repeat('}', 60)}`,
  'deep with many other leaves': `${repeat('{"long_name_of_a_field":', 60)}${list(100_000, (i) => String(-i))}${repeat('}', 60)}`,
  'bytes that are no UTF-8': Buffer.from([0xff, 0xfe, 0x00, 0xc0, 0xaf, 0xed, 0xa0, 0x80]),
  'a million bytes that are no UTF-8': Buffer.alloc(MILLION, 0xff),
  'UTF-16': Buffer.from('{"a":1}', 'utf16le'),
  'a million null bytes': Buffer.alloc(MILLION),
  'lone surrogates': '["\\ud800","\\udc00\\ud800"]',
  'a million line breaks': repeat('\n', MILLION),
  'a million spaces': `{"a":${repeat(' ', MILLION)}1}`,
  'many events': repeat('data: {"a":1}\n\n', 60_000),
  'an event without an end': repeat('data: a\n', 200_000),
  'half a million tags': repeat('<a>', 500_000),
  'a tag with a million spaces': `<a ${repeat(' ', MILLION)}`,
  'a tag with many attributes': `<a ${repeat('x y= z="1" ', 100_000)}>`,
  'a hundred thousand open quotes': repeat('<a b="', 100_000),
  'a hundred thousand open titles': repeat('<title><script>', 100_000),
  'a hundred thousand open comments': repeat('<!--', 100_000),
  'a hundred thousand ends': repeat('</a></b>', 100_000),
  'many ampersands': `<p>${repeat('&#x', 300_000)}`,
};

const RULES: MirrorRules = {
  ...DEFAULT_MIRROR_RULES,
  ignore: ['/nothing', '/*/f1', '/*/*/nothing'],
  tolerance: [{ pointer: '/*', within: 1e-300 }],
  equal: [
    { pointer: '/*/f99', format: 'token' },
    { pointer: '/*', format: 'url' },
  ],
};
const WAYS: Readonly<Record<string, MirrorRules>> = {
  'without rules': DEFAULT_MIRROR_RULES,
  'with rules that make everything costly': RULES,
  'without order': {
    ...RULES,
    unordered: [
      { list: 'body', by: undefined },
      { list: '/*', by: undefined },
    ],
  },
};
const TYPES = ['application/json', 'text/event-stream', 'text/html'];
/** What no comparison may take; most take a few milliseconds. */
const TIME_LIMIT_MS = 4_000;

const names = Object.keys(CORPUS);
const bodyOf = (name: string) => CORPUS[name] ?? '';
/** Each with the one after it. */
const pairs = names.map((name, i) => [name, names[(i + 1) % names.length] ?? ''] as const);
/** Rules only matter to what can be read. */
const structured = pairs.filter(([name]) => /values|number|record|lists|deep/.test(name));

/** Time of the processor, so that a busy machine does not count. */
function timeOf(act: () => unknown): number {
  const begun = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
}

describe.each(Object.entries(WAYS))('%s', (_, rules) => {
  test.each(rules === DEFAULT_MIRROR_RULES ? pairs : structured)(
    '%s, and %s: an answer within a bounded time',
    (one, other) => {
      const method = rules === DEFAULT_MIRROR_RULES ? 'safe' : 'unsafe';
      const [legacy, fresh] = [
        answer({ body: bodyOf(one) }),
        answer({ body: bodyOf(other), askedMs: Date.now() }),
      ];
      let kind: string | undefined;
      const ms = timeOf(() => {
        kind = compareAnswers(legacy, fresh, { rules, method }).kind;
      });
      expect(['different', 'not_compared']).toContain(kind);
      expect(ms).toBeLessThan(TIME_LIMIT_MS);
    },
  );
});

test.each(names)('%s: under every type, compared with other space around, masked', (name) => {
  const mask = openMask(new Uint8Array(32));
  for (const type of TYPES) {
    const legacy = answer({ type, body: bodyOf(name) });
    const spaced = answer({ type, body: Buffer.concat([Buffer.from(bodyOf(name)), Buffer.from(' ')]) });
    const ms = timeOf(() => {
      compareAnswers(legacy, spaced);
      expect(Buffer.byteLength(mask.skeleton(legacy, DEFAULT_MIRROR_RULES))).toBeLessThanOrEqual(32 * 1024);
      const found = compareAnswers(legacy, answer({ type, body: '{}' }));
      if (found.kind === 'different')
        for (const one of found.differences) mask.difference(one, DEFAULT_MIRROR_RULES);
    });
    expect(ms).toBeLessThan(TIME_LIMIT_MS);
    expect(compareAnswers(legacy, legacy).kind).toBe('same');
  }
});

test('nothing of a prototype was touched by any of it', () => {
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

describe('what is small and becomes large', () => {
  const bomb = (bytes: number): SideAnswer =>
    answer({ headers: ['Content-Encoding', 'gzip'], body: gzipSync(Buffer.alloc(bytes, 0x20)) });

  test('is not unpacked beyond the bound', () => {
    const ms = timeOf(() => {
      expect(
        compareAnswers(
          bomb(200 * MILLION),
          answer({ headers: ['Content-Encoding', 'gzip'], body: gzipSync('{}') }),
        ),
      ).toEqual({ kind: 'not_compared', reason: 'body_too_large' });
    });
    expect(ms).toBeLessThan(10_000);
  });

  test('is compared in bounded time just below it', () => {
    const lines = (byte: number) =>
      answer({
        type: 'text/event-stream',
        headers: ['Content-Encoding', 'gzip'],
        body: gzipSync(Buffer.alloc(8 * MILLION, byte)),
      });
    expect(timeOf(() => compareAnswers(lines(0x0a), lines(0x61)))).toBeLessThan(TIME_LIMIT_MS);
  });
});

test('headers and cookies by the thousand', () => {
  const heads = (seed: string) =>
    Array.from({ length: 4_000 }, (_, i) => [
      `Access-Control-X${i}`,
      seed,
      'Set-Cookie',
      `c${i}=${seed}; ${repeat('a=b;', 20)}`,
      'Vary',
      repeat(`${seed},`, 50),
    ]).flat();
  const [legacy, fresh] = [answer({ headers: heads('a') }), answer({ headers: heads('b') })];
  expect(timeOf(() => expect(compareAnswers(legacy, fresh).kind).toBe('different'))).toBeLessThan(
    TIME_LIMIT_MS,
  );
  const odd = answer({
    headers: [
      'Content-Type',
      '";;=,"',
      'Set-Cookie',
      ';;;=',
      'Set-Cookie',
      '',
      'Link',
      repeat('<', 5_000),
      'Content-Security-Policy',
      repeat(';', 5_000),
      'Cache-Control',
      repeat('"\\', 5_000),
    ],
  });
  expect(compareAnswers(odd, fresh).kind).toBe('different');
  expect(compareAnswers(odd, odd).kind).toBe('same');
});
