import { describe, expect, test } from '@jest/globals';
import { ASKED_MS, answer, compareAnswers, LATER_MS, tell } from './compare-answers.ts';

const NEW_MS = ASKED_MS + LATER_MS;
const iso = (ms: number) => new Date(ms).toISOString();
/** As Django writes it: microseconds. */
const micros = (ms: number, more = '123') => iso(ms).replace('Z', `${more}Z`);
const http = (ms: number) => new Date(ms).toUTCString();

function compareTimes(legacy: string, fresh: string, method: 'safe' | 'unsafe' = 'unsafe') {
  const one = answer({ status: 201, body: { at: legacy } });
  const other = answer({ status: 201, body: { at: fresh }, askedMs: NEW_MS });
  return tell(compareAnswers(one, other, { method }));
}

describe('what both sides took from their clocks is equal where it lies as far from their own run', () => {
  test.each([
    ['now', micros(ASKED_MS + 3), micros(NEW_MS + 11, '999')],
    ['now, in milliseconds', iso(ASKED_MS + 3), iso(NEW_MS + 11)],
    ['now, in seconds, rounded down', http(ASKED_MS + 900), http(NEW_MS + 10)],
    ['now, as a local time', '2026-03-01 14:00:00', '2026-03-01 14:00:04'],
    ['now, in a zone', '2026-03-01T14:00:00+02:00', '2026-03-01T14:00:04+02:00'],
    ['two weeks from now', iso(ASKED_MS + 1_209_600_000), iso(NEW_MS + 1_209_600_000)],
    ['an hour from now', iso(ASKED_MS + 3_600_000), iso(NEW_MS + 3_600_010)],
    ['90 seconds from now', iso(ASKED_MS + 90_000), iso(NEW_MS + 90_010)],
    ['five hours ago, as a local time', '2026-03-01T07:00:00.000001', '2026-03-01T07:00:04.000002'],
    ['a clock that is a little behind', iso(ASKED_MS - 400), iso(NEW_MS)],
    ['trailing zeros left off', '2026-03-01T12:00:00.1234Z', '2026-03-01T12:00:04.123456Z'],
  ])('%s', (_, legacy, fresh) => {
    expect(compareTimes(legacy, fresh)).toEqual(['same']);
    expect(compareTimes(legacy, fresh, 'safe')).toEqual(['value /at']);
  });
});

describe('and is a difference otherwise', () => {
  test.each([
    ['an hour off', iso(ASKED_MS), iso(NEW_MS + 3_600_000)],
    ['an hour off the other way', iso(ASKED_MS), iso(NEW_MS - 3_600_000)],
    ['half an hour off', iso(ASKED_MS), iso(NEW_MS + 1_800_000)],
    ['a week for two', iso(ASKED_MS + 1_209_600_000), iso(NEW_MS + 604_800_000)],
    ['two seconds later', iso(ASKED_MS), iso(NEW_MS + 2_000)],
    ['a lost fraction', micros(ASKED_MS), iso(NEW_MS).replace('.000', '')],
    ['milliseconds for microseconds', micros(ASKED_MS + 3), iso(NEW_MS + 3)],
    ['another zone, written so', iso(ASKED_MS), iso(NEW_MS).replace('Z', '+00:00')],
    ['another format', iso(ASKED_MS), http(NEW_MS)],
    ['no time', iso(ASKED_MS), 'now'],
    [
      'a time that was stored, cut to milliseconds',
      micros(ASKED_MS - 8_123, '456'),
      micros(ASKED_MS - 8_123, '000'),
    ],
    ['a time that was stored a minute ago', iso(ASKED_MS - 60_500), iso(ASKED_MS - 60_400)],
    ['a stored time where the new side took its clock', iso(ASKED_MS - 3_600_000 * 30.3), iso(NEW_MS)],
    ['the clock where legacy kept a stored time', iso(ASKED_MS), iso(ASKED_MS - 86_400_000)],
  ])('%s', (_, legacy, fresh) => expect(compareTimes(legacy, fresh)).toEqual(['value /at']));

  test('a time of the first run, said again by the second, is a difference of its own: the new side answered from elsewhere', () => {
    expect(compareTimes(iso(ASKED_MS), iso(ASKED_MS + 1))).toEqual(['value /at']);
    expect(compareTimes(iso(ASKED_MS), iso(ASKED_MS))).toEqual(['same']);
  });

  test.each([
    ['a time that was stored eight seconds ago, cut to milliseconds', -8_123.456],
    ['a time that was stored a minute and a half ago', -91_234.5],
    ['a time that was stored two hours ago', -7_204_500],
    ['a time that is stored for later, no round while from now', 1_209_613_500],
  ])('%s is compared exactly, though the runs were half a second apart', (_, distanceMs) => {
    const stored = ASKED_MS + distanceMs;
    const one = answer({ body: { at: iso(stored) } });
    const other = answer({ body: { at: iso(stored - 30) }, askedMs: ASKED_MS + 500 });
    expect(tell(compareAnswers(one, other, { method: 'unsafe' }))).toEqual(['value /at']);
  });

  test('seconds since the epoch are no clock', () => {
    const one = answer({ body: { at: Math.floor(ASKED_MS / 1000) } });
    const other = answer({ body: { at: Math.floor(NEW_MS / 1000) }, askedMs: NEW_MS });
    expect(tell(compareAnswers(one, other, { method: 'unsafe' }))).toEqual(['value /at']);
  });
});

test('a slow run has a wider now', () => {
  const one = answer({ body: { at: iso(ASKED_MS + 7_000) }, tookMs: 8_000 });
  const other = answer({ body: { at: iso(NEW_MS) }, askedMs: NEW_MS });
  expect(tell(compareAnswers(one, other, { method: 'unsafe' }))).toEqual(['same']);
});

test('cookies and headers have clocks, too', () => {
  const heads = (ms: number) => [
    'Last-Modified',
    http(ms),
    'Set-Cookie',
    `sessionid=a; expires=${http(ms + 1_209_600_000)}; Max-Age=1209600; Path=/`,
  ];
  const one = answer({ headers: heads(ASKED_MS) });
  const compareWith = (ms: number, method: 'safe' | 'unsafe') =>
    tell(compareAnswers(one, answer({ headers: heads(ms), askedMs: NEW_MS }), { method }));
  expect(compareWith(NEW_MS, 'unsafe')).toEqual(['same']);
  expect(compareWith(NEW_MS, 'safe')).toEqual([
    'value header:last-modified',
    'value cookie:sessionid;expires',
  ]);
  expect(compareWith(NEW_MS + 3_600_000, 'unsafe')).toEqual([
    'value header:last-modified',
    'value cookie:sessionid;expires',
  ]);
});

test('items that differ by their clocks alone are found again, in order and without', () => {
  const items = (ms: number, ...names: string[]) => names.map((name, i) => ({ name, at: iso(ms + i) }));
  const compareItems = (legacy: string[], fresh: string[], unordered: string[] = []) =>
    tell(
      compareAnswers(
        answer({ body: items(ASKED_MS, ...legacy) }),
        answer({ body: items(NEW_MS, ...fresh), askedMs: NEW_MS }),
        {
          method: 'unsafe',
          rules: { unordered: unordered.map((list) => ({ list, by: undefined })) },
        },
      ),
    );
  expect(compareItems(['a', 'a', 'b'], ['a', 'a', 'b'])).toEqual(['same']);
  expect(compareItems(['a', 'a', 'b'], ['a', 'b'])).toEqual(['missing /*']);
  expect(compareItems(['a', 'a', 'b'], ['b', 'a', 'a'])).toEqual(['order body']);
  expect(compareItems(['a', 'a', 'b'], ['b', 'a', 'a'], ['body'])).toEqual(['same']);
});
