import { describe, expect, test } from '@jest/globals';
import { layOut } from '../../../src/operate/diffs/side-by-side.ts';
import { parseSince } from '../../../src/operate/diffs/since.ts';
import { describeGroup } from '../../../src/operate/diffs/words.ts';
import { ABSENT, differ, NULL, number, text } from './comparisons.ts';

const body = (node: unknown) => JSON.stringify({ status: number(3), headers: {}, cookies: {}, body: node });
const lay = (legacy: unknown, fresh: unknown, differences: ReturnType<typeof differ>[], path: string) =>
  layOut({ skeletons: { legacy: body(legacy), new: body(fresh) }, differences }, path).map(
    ({ depth, name, legacy: one, new: other, mark }) =>
      `${mark === 'here' ? '!' : mark === 'other' ? '?' : ' '}${'.'.repeat(depth)}${name}: ${one} | ${other}`,
  );

describe('two answers beside one another', () => {
  test('show the way to the differing place, what is alike in one line each', () => {
    const alike = { a: text(1), b: { c: text(2), d: text(3) } };
    const lines = lay(
      { ...alike, e: { f: text(4) } },
      { ...alike, e: { f: NULL } },
      [differ('/e/f', 'type', text(4), NULL)],
      '/e/f',
    );
    expect(lines).toEqual([
      ' body: object, 3 members | object, 3 members',
      ' .a: text, 1 character | text, 1 character',
      ' .b: object, 2 members | object, 2 members',
      ' .e: object, 1 member | object, 1 member',
      '!..f: text, 4 characters | null',
    ]);
  });

  test('show of a long list three items that differ, and how many more there are', () => {
    const items = (last: unknown) => Array.from({ length: 50 }, (_, at) => ({ x: at < 45 ? text(2) : last }));
    const lines = lay(items(text(2)), items(NULL), [differ('/*/x', 'type', text(2), NULL)], '/*/x');
    expect(lines).toEqual([
      ' body: list, 50 items | list, 50 items',
      ...['45', '46', '47'].flatMap((at) => [
        ` .${at}: object, 1 member | object, 1 member`,
        '!..x: text, 2 characters | null',
      ]),
      ' .… 47 more, 2 of them different:  | ',
    ]);
  });

  test('say that values differ which look alike, and that only the order does', () => {
    const other = text(5, 'ffffffffffffffff');
    expect(lay({ a: text(5) }, { a: other }, [differ('/a', 'value', text(5), other)], '/a')[1]).toBe(
      '!.a: text, 5 characters | text, 5 characters, another value',
    );
    const [one, two] = [text(2, '1111111111111111'), text(2, '2222222222222222')];
    const order = differ('/l', 'order', { type: 'list', length: 2 }, { type: 'list', length: 2 });
    expect(lay({ l: [one, two] }, { l: [two, one] }, [order], '/l')[1]).toBe(
      '!.l: list, 2 items | list, 2 items, in another order',
    );
  });

  test('mark values of which not even a hash is kept', () => {
    const flag = { type: 'boolean' } as const;
    expect(lay({ a: flag }, { a: flag }, [differ('/a', 'value', flag, flag)], '/a')[1]).toBe(
      '!.a: true or false | true or false, another value',
    );
  });

  test('take any masked key for a key of a map', () => {
    const map = (shape: object) => ({ '‹key:1›': shape, '‹key:ab12›': text(3) });
    const lines = lay(map(text(2)), map(NULL), [differ('/*', 'type', text(2), NULL)], '/*');
    expect(lines[1]).toBe('!.‹key:1›: text, 2 characters | null');
  });

  test('begin with what no body shows, and with the place asked about where the body was cut off', () => {
    const vary = differ('header:vary', 'missing', text(6), ABSENT);
    const deep = differ('/deep/down', 'missing', text(1), ABSENT);
    const cut = { '‹cut›': { type: 'bytes' } };
    expect(lay(cut, cut, [vary, deep], '/deep/down')).toEqual([
      '?header:vary: text, 6 characters | nothing',
      '!/deep/down: text, 1 character | nothing',
      ' body: object, 1 member | object, 1 member',
    ]);
  });

  test('are no trouble where a skeleton is none, or far too deep', () => {
    const broken = { legacy: '{"type":"bytes","length":40000}', new: 'not json' };
    expect(layOut({ skeletons: broken, differences: [differ('/a')] }, '/a')).toHaveLength(1);
    const deep = `{"body":${'['.repeat(5_000)}${']'.repeat(5_000)}}`;
    expect(layOut({ skeletons: { legacy: deep, new: deep }, differences: [] }, '/a')).toHaveLength(1);
    const wide = JSON.stringify({
      body: Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`m${at}`, NULL])),
    });
    const narrow = JSON.stringify({ body: {} });
    const all = Array.from({ length: 900 }, (_, at) => differ(`/m${at}`, 'missing', NULL, ABSENT));
    expect(layOut({ skeletons: { legacy: wide, new: narrow }, differences: all }, '/m1').length).toBeLessThan(
      70,
    );
  });
});

describe('a difference in words', () => {
  test.each([
    ['status', 'value', 'The value of the status differs.'],
    ['body', 'type', 'The type of the whole body differs: x → y.'],
    ['header:vary', 'missing', 'The new side leaves out the header vary.'],
    ['cookie:sessionid', 'extra', 'The new side adds the cookie sessionid, which legacy does not have.'],
    ['cookie:sessionid;path', 'value', 'The value of the attribute path of the cookie sessionid differs.'],
    ['rows:chat_message', 'missing', 'The new side leaves out a row written to chat_message.'],
    [
      'rows:chat_message/body',
      'value',
      'The value of the column body of the rows written to chat_message differs.',
    ],
    ['/a/*/b', 'order', 'The order of /a/*/b in the body differs; the items are the same.'],
    ['/a/…', 'value', 'The value of places below /a differs.'],
    ['…', 'value', 'The value of places of which there were too many to tell apart differs.'],
  ] as const)('%s, %s', (path, kind, sentence) => {
    expect(describeGroup({ path, kind, types: 'x → y' })).toBe(sentence);
  });
});

describe('a time asked about', () => {
  const now = Date.parse('2026-11-22T12:00:00Z');
  test.each([
    ['30m', '2026-11-22T11:30:00.000Z'],
    ['1h', '2026-11-22T11:00:00.000Z'],
    ['7d', '2026-11-15T12:00:00.000Z'],
    ['2w', '2026-11-08T12:00:00.000Z'],
    ['2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['2026-11-20T09:30', '2026-11-20T09:30:00.000Z'],
    ['2026-11-20T09:30:15+02:00', '2026-11-20T07:30:15.000Z'],
  ])('%s is %s', (typed, iso) => {
    expect(new Date(parseSince(typed, now) ?? 0).toISOString()).toBe(iso);
  });

  test.each(['', '0h', '-1h', '1.5h', '1y', 'now', '2026-11-23', '2026-13-01', '2026-11-20 09:30', '1h; x'])(
    '"%s" is none',
    (typed) => {
      expect(parseSince(typed, now)).toBeUndefined();
    },
  );
});
