import { describe, expect, test } from '@jest/globals';
import { printMistake, readTable } from '../../../src/decide/index.ts';
import { DEFAULT_MIRROR_RULES, type MirrorRules } from '../../../src/vocabulary/index.ts';

const table = (mirror: string, ofAll = '') => `version: 1
defaults: { ${ofAll} }
features: { ai: { tables: [ai_job] }, login: { tables: [auth_user, django_session] } }
routes:
  - id: ai.jobs
    match: { method: GET, path: /api/ai/jobs/ }
    feature: ai
${mirror === '' ? '' : `    mirror: ${mirror}\n`}`;

function readRules(mirror: string, ofAll?: string): MirrorRules | undefined {
  const result = readTable(table(mirror, ofAll));
  if (result.kind === 'mistakes') throw new Error(result.mistakes.map(({ message }) => message).join('\n'));
  return result.table.rows[0]?.mirror;
}

function listMistakes(mirror: string, ofAll?: string): readonly string[] {
  const result = readTable(table(mirror, ofAll));
  return result.kind === 'table' ? [] : result.mistakes.map((mistake) => printMistake('t', mistake));
}

describe('the rules of a route', () => {
  test('are none where the table says nothing', () => {
    expect(readRules('')).toBeUndefined();
  });

  test('are the usual ones for an empty mapping', () => {
    expect(readRules('{}')).toEqual(DEFAULT_MIRROR_RULES);
  });

  test('are frozen to their depth', () => {
    const rules = readRules('{ unordered: { /items: id }, ignore: [/id] }');
    expect([rules, rules?.ignore, rules?.unordered, rules?.unordered[0]].every(Object.isFrozen)).toBe(true);
  });

  test('name places of the body, the status, headers, cookies and rows', () => {
    const paths = [
      '/items/*/id',
      '/a~1b/m~0n/7th',
      'status',
      'body',
      'header:x-total',
      'cookie:theme',
      'cookie:theme;max-age',
      'rows:ai_job',
      'rows:ai_job/created_at',
      'rows:ai_job/options/*/seed',
    ];
    expect(readRules(`{ ignore: [${paths.map((path) => `"${path}"`).join(', ')}] }`)?.ignore).toEqual(paths);
  });

  test.each([
    ['as a list', '[/items, body]', [['/items'], ['body']]],
    [
      'as a mapping, with what names an item',
      '{ /items: id, /rows: /meta/id }',
      [
        ['/items', '/id'],
        ['/rows', '/meta/id'],
      ],
    ],
    [
      'as a list of both',
      '[/items, { list: /rows, by: id }, { list: /tags }]',
      [['/items'], ['/rows', '/id'], ['/tags']],
    ],
    ['with an odd key', '{ /items: "a~b" }', [['/items', '/a~0b']]],
  ])('take unordered %s', (_how, unordered, expected) => {
    expect(readRules(`{ unordered: ${unordered} }`)?.unordered).toEqual(
      expected.map(([list, by]) => ({ list, by })),
    );
  });

  test('take tolerance, equal, headers and clear', () => {
    const rules = readRules(
      '{ tolerance: { /score: 0.001, rows:ai_job/cost: 0 }, equal: { cookie:sessionid: token, header:ETag: token, /id: uuid }, headers: [ETag, x-total], clear: [/items/*/state, /usage/total_tokens, rows:auth_user/username] }',
    );
    expect(rules).toEqual({
      ...DEFAULT_MIRROR_RULES,
      tolerance: [
        { pointer: '/score', within: 0.001 },
        { pointer: 'rows:ai_job/cost', within: 0 },
      ],
      equal: [
        { pointer: 'cookie:sessionid', format: 'token' },
        { pointer: 'header:etag', format: 'token' },
        { pointer: '/id', format: 'uuid' },
      ],
      headers: ['etag', 'x-total'],
      clear: ['/items/*/state', '/usage/total_tokens', 'rows:auth_user/username'],
    });
  });
});

describe('rules for all routes', () => {
  const ALL =
    'mirror: { percent: 5, ignore: [/id, /at], unordered: [/tags, { list: /items, by: id }], tolerance: { /score: 1, /cost: 2 }, equal: { /id: uuid }, headers: [etag] }';

  test('hold for a route that says nothing', () => {
    expect(readRules('', ALL)).toEqual({
      ...DEFAULT_MIRROR_RULES,
      percent: 5,
      ignore: ['/id', '/at'],
      unordered: [
        { list: '/tags', by: undefined },
        { list: '/items', by: '/id' },
      ],
      tolerance: [
        { pointer: '/score', within: 1 },
        { pointer: '/cost', within: 2 },
      ],
      equal: [{ pointer: '/id', format: 'uuid' }],
      headers: ['etag'],
    });
  });

  test("are joined with a route's own: lists together, mappings and the percentage by the route's word", () => {
    const own =
      '{ percent: 100, ignore: [/at, /x], unordered: { /items: slug }, tolerance: { /score: 3 }, equal: { /id: any }, headers: [age], clear: [/state] }';
    expect(readRules(own, ALL)).toEqual({
      percent: 100,
      ignore: ['/id', '/at', '/x'],
      unordered: [
        { list: '/tags', by: undefined },
        { list: '/items', by: '/slug' },
      ],
      tolerance: [
        { pointer: '/score', within: 3 },
        { pointer: '/cost', within: 2 },
      ],
      equal: [{ pointer: '/id', format: 'any' }],
      headers: ['etag', 'age'],
      clear: ['/state'],
    });
  });

  test('leave a route its percentage where it says only something else', () => {
    expect(readRules('{ ignore: [/x] }', 'mirror: { percent: 0 }')?.percent).toBe(0);
    expect(readRules('{ percent: 1 }', 'mirror: { percent: 0 }')?.percent).toBe(1);
  });

  test("are checked like a route's own, where they stand", () => {
    expect(listMistakes('', 'mirror: { ignore: [rows:ai_jb, id] }')).toEqual([
      't:2:32: expected a table listed under a feature, found "rows:ai_jb" (did you mean "rows:ai_job"?)',
      expect.stringMatching(/^t:2:44: expected a JSON pointer .* \(did you mean "\/id"\?\)$/),
    ]);
  });
});

describe('a mistake in the rules is told with its place and what was meant', () => {
  test.each<[what: string, mirror: string, mistake: string]>([
    ['a mapping that is none', '[a]', 't:8:13: expected a mapping, found a list'],
    [
      'an unknown key',
      '{ percnt: 3 }',
      't:8:15: expected one of the keys percent, ignore, unordered, tolerance, equal, headers, clear, found "percnt" (did you mean "percent"?)',
    ],
    [
      'a percentage beyond 100',
      '{ percent: 101 }',
      't:8:24: expected a percentage from 0 to 100 in steps of 0.01, found 101',
    ],
    ['one path where a list belongs', '{ ignore: /id }', 't:8:23: expected a list, found "/id"'],
    ['a list where a mapping belongs', '{ equal: [/id] }', 't:8:22: expected a mapping, found a list'],
    [
      'a path without a slash',
      '{ ignore: [created_at] }',
      'rows:ai_job or rows:ai_job/state, found "created_at" (did you mean "/created_at"?)',
    ],
    [
      'a path in the manner of JSONPath',
      '{ ignore: ["$.items[0].id"] }',
      'found "$.items[0].id" (did you mean "/items/*/id"?)',
    ],
    ['a path that ends in a slash', '{ ignore: [/items/] }', 'found "/items/" (did you mean "/items"?)'],
    ['one place of a list', '{ ignore: [/items/0/id] }', 'found "/items/0/id" (did you mean "/items/*/id"?)'],
    [
      'one place of a list at the end',
      '{ ignore: [/items/12] }',
      'found "/items/12" (did you mean "/items/*"?)',
    ],
    ['a star within a step', '{ ignore: ["/it*"] }', 'found "/it*"'],
    ['a tilde that escapes nothing', '{ ignore: [/a~2] }', 'found "/a~2"'],
    ['the status mistyped', '{ ignore: [stauts] }', '(did you mean "status"?)'],
    ['a prefix mistyped', '{ ignore: [heder:etag] }', '(did you mean "header:etag"?)'],
    ['a prefix without a name', '{ ignore: ["header:"] }', 'found "header:"'],
    ['a cookie attribute mistyped', '{ ignore: ["cookie:a;expire"] }', '(did you mean "cookie:a;expires"?)'],
    ['a table in capitals', '{ ignore: ["rows:Ai"] }', 'found "rows:Ai"'],
    [
      'a table of no feature',
      '{ ignore: [rows:ai_jb/x] }',
      't:8:24: expected a table listed under a feature, found "rows:ai_jb/x" (did you mean "rows:ai_job/x"?)',
    ],
    [
      'a table of no feature as key',
      '{ equal: { rows:session/x: any } }',
      't:8:24: expected a table listed under a feature, found "rows:session/x" (did you mean "rows:django_session/x"?)',
    ],
    ['a path twice', '{ ignore: [/id, /x, /id] }', 't:8:33: expected each path once, found "/id" again'],
    [
      'a list twice',
      '{ unordered: [/a, { list: /a, by: id }] }',
      't:8:39: expected each path once, found "/a" again',
    ],
    ['a path that is a number', '{ ignore: [7] }', 'rows:ai_job/state, found 7'],
    ['unordered of the status', '{ unordered: [status] }', 'a JSON pointer to a list such as /items'],
    [
      'unordered as a word',
      '{ unordered: /id }',
      't:8:26: expected a list, or a mapping of JSON pointers to keys, found "/id"',
    ],
    [
      'unordered as a list of numbers',
      '{ unordered: [7] }',
      't:8:27: expected a JSON pointer to a list, or a mapping of list and by, found 7',
    ],
    [
      'unordered with a key mistyped',
      '{ unordered: [{ lst: /a }] }',
      't:8:29: expected one of the keys list, by, found "lst" (did you mean "list"?)',
    ],
    [
      'unordered by nothing',
      '{ unordered: { /a: "" } }',
      't:8:32: expected what names an item of the list: a key such as id, or a JSON pointer such as /meta/id, found ""',
    ],
    ['unordered by a star', '{ unordered: { /a: /*/id } }', 'found "/*/id"'],
    [
      'unordered with a key that is no pointer',
      '{ unordered: { items: id } }',
      't:8:28: expected a JSON pointer to a list such as /items, or body, or a column such as rows:ai_job/tags, found "items" (did you mean "/items"?)',
    ],
    [
      'a tolerance below nothing',
      '{ tolerance: { /a: -1 } }',
      't:8:32: expected a number, 0 or more, found -1',
    ],
    [
      'a tolerance without end',
      '{ tolerance: { /a: .inf } }',
      't:8:32: expected a number, 0 or more, found Infinity',
    ],
    [
      'a tolerance of a status',
      '{ tolerance: { status: 1 } }',
      't:8:28: expected a JSON pointer to a number such as /items/*/score',
    ],
    [
      'a format that nobody knows',
      '{ equal: { /id: uid } }',
      't:8:29: expected one of time, date, uuid, token, digits, number, url, any, found "uid" (did you mean "uuid"?)',
    ],
    [
      'a format of whole rows',
      '{ equal: { rows:ai_job: any } }',
      't:8:24: expected a JSON pointer to a value such as /items/*/id',
    ],
    [
      'a header with its prefix',
      '{ headers: ["header:etag"] }',
      't:8:25: expected the name of a header such as etag, found "header:etag"',
    ],
    [
      'a header that is set-cookie',
      '{ headers: [Set-Cookie] }',
      't:8:25: expected a header other than set-cookie (cookies are compared one by one, as cookie:theme), found "Set-Cookie"',
    ],
    [
      'a clear body',
      '{ clear: [body] }',
      't:8:23: expected a JSON pointer to a field such as /items/*/state, or header:etag or rows:ai_job/state, found "body"',
    ],
    ['clear rows', '{ clear: [rows:ai_job] }', 'found "rows:ai_job"'],
  ])('%s', (_what, mirror, mistake) => {
    expect(listMistakes(mirror).join('\n')).toContain(mistake);
  });

  test.each([
    '/password',
    '/user/passwordHash',
    '/items/*/token',
    '/access_tokens/*',
    '/apiKey',
    '/client_secret',
    '/auth',
    '/session/id',
    '/csrfmiddlewaretoken',
    '/card/iban',
    '/Login-Signature',
    'header:X-Otp',
    'header:authorization',
    'header:X-Api-Key',
    'header:set-cookie',
    'cookie:theme',
    'cookie:sessionid;path',
    'rows:auth_user/password',
    'rows:django_session/session_data',
    'rows:django_session/expire_date',
  ])('%s can never be clear', (path) => {
    expect(listMistakes(`{ clear: ["${path}"] }`)).toEqual([
      `t:8:23: expected a field without a secret (passwords, tokens, keys, sessions and cookies stay hidden), found "${path}"`,
    ]);
  });

  test('several at once, in the order of the text', () => {
    const lines = listMistakes('{ ignore: [id], equal: { /a: tme }, clear: [/token], headers: [""] }');
    expect(lines.map((line) => line.slice(0, 7))).toEqual(['t:8:24:', 't:8:42:', 't:8:57:', 't:8:76:']);
  });

  test('ten thousand of them cost no more than seconds', () => {
    const begun = performance.now();
    expect(listMistakes(`{ ignore: [${'heder:x, '.repeat(10_000)}] }`)).toHaveLength(200);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});
