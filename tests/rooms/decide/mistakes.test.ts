import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { openDecide, printMistake, readTable, TableRefusal } from '../../../src/decide/index.ts';
import { HANDLERS } from './support.ts';

const FIXTURE = 'tests/rooms/decide/fixtures/ten-mistakes.yaml';

function listMistakes(text: string): readonly string[] {
  const result = readTable(text, { handlers: HANDLERS });
  return result.kind === 'table' ? [] : result.mistakes.map((mistake) => printMistake('t', mistake));
}

/** A good table, in which each test spoils one thing. */
const GOOD = `version: 1
tenants: { by_host: "{tenant}.localhost" }
defaults: { admit: required, stage: legacy, timeout_ms: 30000 }
flags:
  ai-engine: { percent: 10, tenants: [acme], except: [globex] }
features:
  ai: { flag: ai-engine, tables: [ai_job] }
  chat: { tables: [chat_channel] }
routes:
  - id: ai.complete
    match: { method: POST, path: /api/ai/completions/ }
    feature: ai
    stage: canary
    handle: ai/complete
    mirror: { percent: 100, ignore: [/id, /created_at], unordered: [/items], tolerance: { /score: 0.001 } }
    if_new_fails: legacy
  - id: chat.channels
    match: { method: [GET], path: "/api/chat/channels/:id/" }
    feature: chat
`;

function spoil(good: string, bad: string): readonly string[] {
  expect(GOOD).toContain(good);
  return listMistakes(GOOD.replace(good, bad));
}

test('the good table has no mistakes', () => {
  expect(listMistakes(GOOD)).toEqual([]);
});

test('a table with ten planted mistakes lists them all, each where it stands', () => {
  const result = readTable(readFileSync(FIXTURE, 'utf8'), { handlers: HANDLERS });
  const lines =
    result.kind === 'mistakes' ? result.mistakes.map((mistake) => printMistake('t', mistake)) : [];
  expect(lines).toEqual([
    't:2:14: expected true or false, found "no"',
    't:3:20: expected one of public, optional, required, found "requird" (did you mean "required"?)',
    't:5:25: expected a percentage from 0 to 100 in steps of 0.01, found 140',
    't:7:15: expected a flag listed under flags, found "ai-engin" (did you mean "ai-engine"?)',
    't:11:22: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, found "POTS" (did you mean "POST"?)',
    't:13:12: expected one of legacy, shadow, canary, new, retired, found "canry" (did you mean "canary"?)',
    't:18:12: expected a flag on feature chat for stage canary, found none: add flag: to the feature',
    't:19:13: expected a handler of the new side, found "chat/chanels" (did you mean "chat/channels"?)',
    't:20:5: expected one of the keys id, match, feature, stage, force, handle, admit, timeout_ms, mirror, if_new_fails, found "timeout" (did you mean "timeout_ms"?)',
    't:21:9: expected each route id once, found "ai.complete", which routes[0] has already',
  ]);
});

test('opening a bad table refuses with every mistake on a line of its own and no stack', async () => {
  const opening = openDecide({ file: FIXTURE, handlers: HANDLERS, emit: () => {} });
  const refusal: unknown = await opening.catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(TableRefusal);
  if (!(refusal instanceof TableRefusal)) return;
  expect(refusal.mistakes).toHaveLength(10);
  expect(refusal.stack).not.toMatch(/\n\s+at /);
  expect(refusal.message).toContain(`${FIXTURE}:13:12: expected one of legacy`);
});

test('opening a file that is not there says so in one sentence', async () => {
  const opening = openDecide({ file: '/nowhere/routes.config.yaml', handlers: HANDLERS, emit: () => {} });
  await expect(opening).rejects.toThrow(
    '/nowhere/routes.config.yaml:1:1: expected a route table, found no such file',
  );
});

describe('every value is checked without being bent into shape', () => {
  const cases: readonly [what: string, good: string, bad: string, message: string][] = [
    ['a version of the future', 'version: 1', 'version: 2', '1, the only version, found 2'],
    [
      'a number in quotes',
      'percent: 10',
      'percent: "10"',
      'a percentage from 0 to 100 in steps of 0.01, found "10"',
    ],
    [
      'a negative percentage',
      'percent: 10',
      'percent: -1',
      'a percentage from 0 to 100 in steps of 0.01, found -1',
    ],
    ['a percentage finer than 0.01', 'percent: 10', 'percent: 10.005', 'in steps of 0.01, found 10.005'],
    ['an infinite percentage', 'percent: 10', 'percent: .inf', 'in steps of 0.01, found Infinity'],
    ['a percentage that is no number', 'percent: 10', 'percent: .nan', 'in steps of 0.01, found NaN'],
    ['140 %', 'percent: 10', 'percent: 140 %', 'found "140 %"'],
    ['a timeout of nothing', 'timeout_ms: 30000', 'timeout_ms: 0', 'milliseconds from 1 to 600000, found 0'],
    ['a timeout of hours', 'timeout_ms: 30000', 'timeout_ms: 600001', 'from 1 to 600000, found 600001'],
    ['a broken timeout', 'timeout_ms: 30000', 'timeout_ms: 1.5', 'a whole number of milliseconds'],
    ['an infinite timeout', 'timeout_ms: 30000', 'timeout_ms: .inf', 'found Infinity'],
    ['a timeout with a unit', 'timeout_ms: 30000', 'timeout_ms: 30s', 'found "30s"'],
    ['a tenant in capitals', 'tenants: [acme]', 'tenants: [Acme]', 'a tenant name'],
    ['a tenant as a number', 'tenants: [acme]', 'tenants: [7]', 'a tenant name'],
    ['a tenant where a list belongs', 'tenants: [acme]', 'tenants: acme', 'expected a list, found "acme"'],
    [
      'the same tenant twice',
      'tenants: [acme]',
      'tenants: [acme, acme]',
      'each name once, found "acme" again',
    ],
    ['a tenant on both lists', 'except: [globex]', 'except: [acme]', 'found "acme" in tenants and in except'],
    [
      'a flag in capitals',
      '  ai-engine: {',
      '  AI: {',
      'a flag name such as ai-engine (lower case), found "AI"',
    ],
    [
      'a feature in capitals',
      '  chat: {',
      '  Chat: {',
      'a feature name such as ai (lower case), found "Chat"',
    ],
    ['an unknown flag', 'flag: ai-engine', 'flag: ai-egine', 'did you mean "ai-engine"?'],
    ['an unknown feature', 'feature: chat', 'feature: chta', 'found "chta" (did you mean "chat"?)'],
    ['an unknown handler', 'ai/complete', 'ai/complte', 'found "ai/complte" (did you mean "ai/complete"?)'],
    ['an unknown method', 'method: POST', 'method: post', 'found "post" (did you mean "POST"?)'],
    ['an unknown method in a list', '[GET]', '[GET, GOT]', 'found "GOT" (did you mean "GET"?)'],
    ['no method', '[GET]', '[]', 'at least one method, found an empty list'],
    ['a method twice', '[GET]', '[GET, GET]', 'found "GET" again'],
    ['a method that is no word', '[GET]', '7', 'a method or a list of methods, found 7'],
    [
      'a table in two features',
      '[chat_channel]',
      '[ai_job]',
      'found "ai_job", which is in feature ai already',
    ],
    ['a table named twice', '[chat_channel]', '[a, a]', 'found "a" again'],
    ['a relative path', '/api/ai/completions/', 'api/ai/', 'a path template that begins with /'],
    ['a doubled slash', '/api/ai/completions/', '/api//ai/', 'without empty segments'],
    ['a dot segment', '/api/ai/completions/', '/api/../ai/', 'without dot segments'],
    ['a query', '/api/ai/completions/', '"/api/ai/?x=1"', 'a canonical path'],
    ['a wildcard', '/api/ai/completions/', '"/api/*"', 'a canonical path'],
    ['a pattern', '/api/ai/completions/', '"/api/:id(\\\\d+)/"', 'as a whole segment'],
    ['half a segment as parameter', '/api/ai/completions/', '"/api/x:id/"', 'as a whole segment'],
    ['a needless escape', '/api/ai/completions/', '/api/%61i/', 'a canonical path'],
    ['a lower-case escape', '/api/ai/completions/', '/api/%c3%a9/', 'a canonical path'],
    ['an encoded slash', '/api/ai/completions/', '/api/a%2Fi/', 'a canonical path'],
    [
      'one parameter name twice',
      '/api/ai/completions/',
      '"/a/:id/b/:id/"',
      'parameters with different names',
    ],
    ['a path of the gateway', '/api/ai/completions/', '/.banyan/session/', "which is the gateway's own"],
    ['a canary without a handle', '    handle: ai/complete\n', '', 'expected a handle beside stage canary'],
    [
      'a canary without a feature',
      '    feature: ai\n',
      '',
      'expected a feature with a flag beside stage canary',
    ],
    [
      'a canary without a flag',
      '    feature: ai\n',
      '    feature: chat\n',
      'expected a flag on feature chat',
    ],
    ['an id twice', 'id: chat.channels', 'id: ai.complete', 'which routes[0] has already'],
    ['an id in capitals', 'id: chat.channels', 'id: Chat', 'a route id such as ai.complete'],
    ['a pointer without slash', '/created_at', 'created_at', 'a JSON pointer'],
    ['a negative tolerance', '0.001', '-0.001', 'a number, 0 or more, found -0.001'],
    ['a host without tenant', '"{tenant}.localhost"', 'localhost', 'a host pattern such as'],
    [
      'a third way to fail',
      'if_new_fails: legacy',
      'if_new_fails: retry',
      'one of legacy, refuse, found "retry"',
    ],
    [
      'nothing where a mapping belongs',
      '{ tables: [chat_channel] }',
      '',
      'expected a mapping, found nothing',
    ],
    ['an unknown key at the top', 'defaults:', 'default:', 'found "default" (did you mean "defaults"?)'],
    ['an unknown key in a mapping', 'admit: required', 'admits: required', '(did you mean "admit"?)'],
    ['a missing path', ', path: /api/ai/completions/', '', 'expected the key "path"'],
  ];
  test.each(cases)('%s is refused', (_what, good, bad, message) => {
    expect(spoil(good, bad).join('\n')).toContain(message);
  });

  test('a retired route may not fall back to legacy', () => {
    expect(spoil('stage: canary', 'stage: retired')).toEqual([
      't:16:19: expected refuse, found legacy: a retired route has no way back to legacy',
    ]);
  });

  test('percentages in steps of 0.01 are taken, whatever binary fractions make of them', () => {
    const percents = Array.from({ length: 10_001 }, (_, index) => index / 100).filter(
      (_, index) => index % 7 === 0 || index < 200 || index > 9_900,
    );
    const flags = percents.map((percent, index) => `  f${index}: { percent: ${percent} }\n`);
    expect(listMistakes(`version: 1\nflags:\n${flags.join('')}routes: []\n`)).toEqual([]);
  });

  test('with Unleash as the source, a feature may name a flag that the file does not list', () => {
    const text = GOOD.replace('flag: ai-engine', 'flag: elsewhere');
    expect(readTable(text, { handlers: HANDLERS, flagSource: 'unleash' }).kind).toBe('table');
  });
});

describe('a text that is no table', () => {
  test.each<[what: string, text: string, mistake: RegExp]>([
    ['an empty file', '', /1:1: expected a mapping, found nothing/],
    ['a list', '- a\n', /1:1: expected a mapping, found a list/],
    ['a key twice', 'version: 1\nroutes: []\nroutes: []\n', /3:1: expected each key once/],
    ['a second document', 'version: 1\nroutes: []\n---\nversion: 1\n', /expected one document/],
    ['a tab', 'version: 1\nroutes:\n\t- id: a\n', /3:1: expected spaces as indentation, found a tab/],
    ['a custom tag', 'version: !!js/function 1\nroutes: []\n', /1:\d+: expected no tag/],
    [
      'an alias',
      'version: &v 1\nroutes: []\nflags: *v\n',
      /3:8: expected the value itself, found the alias \*v/,
    ],
    ['an anchor', 'version: &v 1\nroutes: []\n', /expected no anchor, found &v/],
    ['a NUL byte', 'version: 1\nroutes: []\n# \0\n', /3:3: expected plain text in UTF-8/],
    [
      'a key of prototypes',
      'version: 1\nroutes: []\n__proto__: { exposeSide: true }\n',
      /3:1: .*found "__proto__"/,
    ],
    ['a flag of prototypes', 'version: 1\nroutes: []\nflags: { __proto__: {} }\n', /found "__proto__"/],
    ['a complex key', 'version: 1\nroutes: []\n? [a]\n: 1\n', /expected a plain word as key/],
    ['an unclosed quote', 'version: 1\nroutes: []\nflags: "x\n', /this is not YAML/],
  ])('%s is refused', (_what, text, mistake) => {
    expect(listMistakes(text).join('\n')).toMatch(mistake);
  });

  test('a slip of syntax does not hide the other mistakes, and invents none', () => {
    const text = GOOD.replace('stage: canary', 'stage: canry').replace(
      '    feature: chat',
      '\tfeature: chat',
    );
    expect(listMistakes(text)).toEqual([
      expect.stringContaining('t:13:12: expected one of legacy, shadow'),
      expect.stringContaining('t:19:1: expected spaces as indentation, found a tab'),
    ]);
  });

  test.each<[what: string, text: string]>([
    ['20,000 open brackets', `version: ${'['.repeat(20_000)}`],
    ['20,000 dashes', '- '.repeat(20_000)],
    ['20,000 braces', '{a: '.repeat(20_000)],
    ['1,000 levels of indentation', Array.from({ length: 1000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n')],
    ['40 levels', `version: 1\nroutes: ${'['.repeat(40)}${']'.repeat(40)}\n`],
  ])('%s are refused as too deep, at once', (_what, text) => {
    const begun = performance.now();
    expect(listMistakes(text).join('\n')).toContain('expected at most 32 levels, found deeper nesting');
    expect(performance.now() - begun).toBeLessThan(500);
  });

  test.each<[what: string, text: string]>([
    ['routes', `version: 1\nroutes:\n${'  - a\n'.repeat(150_000)}`],
    ['flags', `version: 1\nflags:\n${'  F: 1\n'.repeat(120_000)}`],
    ['quotes', '"'.repeat(1_000_000)],
    ['exclamation marks', '! '.repeat(500_000)],
    ['blank lines', '\n'.repeat(1_000_000)],
  ])('a megabyte of %s is refused at once', (_what, text) => {
    const begun = performance.now();
    expect(listMistakes(text)).toEqual(['t:1:1: expected at most 100000 entries, found a longer table']);
    expect(performance.now() - begun).toBeLessThan(500);
  });

  test('five thousand bad routes are refused within seconds, with the first two hundred mistakes', () => {
    const rows = Array.from(
      { length: 5000 },
      (_, n) => `  - { id: r, match: { method: GOT, path: /a/ }, feature: f${n} }\n`,
    );
    // About one second of the processor; Jest makes it several on a busy machine. Looking at each with each would take minutes.
    const begun = process.cpuUsage();
    expect(listMistakes(`version: 1\nfeatures: { ai: {} }\nroutes:\n${rows.join('')}`)).toHaveLength(200);
    expect(process.cpuUsage(begun).user / 1_000).toBeLessThan(20_000);
  });

  test('a bomb of aliases and a file of over 1 MiB are refused at once', () => {
    const bomb = `a: &a [x]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]`).join('\n')}\n`;
    const begun = performance.now();
    expect(listMistakes(bomb).join('\n')).toContain('found the alias *a');
    expect(listMistakes(`# ${'x'.repeat(1_048_576)}`)).toEqual([
      't:1:1: expected at most 1 MiB of text, found a larger file',
    ]);
    expect(performance.now() - begun).toBeLessThan(500);
  });
});
