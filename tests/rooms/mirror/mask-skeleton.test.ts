import { describe, expect, test } from '@jest/globals';
import type { FoundDifference } from '../../../src/mirror/compare/index.ts';
import { CUT, LARGEST_SKELETON, openMask } from '../../../src/mirror/mask/index.ts';
import { DEFAULT_MIRROR_RULES, type MirrorRules } from '../../../src/vocabulary/index.ts';
import { answer, compareJson, findDifferences } from './compare-answers.ts';

const mask = openMask(new Uint8Array(32).fill(7));
const HASH = expect.stringMatching(/^[0-9a-f]{16}$/);
type Skeleton = Readonly<{
  status: unknown;
  headers: Record<string, unknown>;
  cookies: Record<string, unknown>;
  body: unknown;
}>;

function draw(wish: Parameters<typeof answer>[0], rules: Partial<MirrorRules> = {}): Skeleton {
  return JSON.parse(mask.skeleton(answer(wish), { ...DEFAULT_MIRROR_RULES, ...rules })) as Skeleton;
}

describe('an answer without its values', () => {
  test('keeps status, compared headers, cookies, and the body as a tree', () => {
    const headers = [
      'ETag',
      '"abcdef"',
      'X-Other',
      'x',
      'Date',
      'now',
      'Set-Cookie',
      'sessionid=abc; Path=/; HttpOnly',
      'Set-Cookie',
      'theme=dark',
    ];
    expect(
      draw({
        status: 201,
        headers,
        body: { id: 4711, tags: ['alpha', null], user: { name: 'Ada Lovelace' } },
      }),
    ).toEqual({
      status: { type: 'number', clear: '201' },
      headers: {
        'content-type': { type: 'string', length: 16, hash: HASH },
        etag: { type: 'string', length: 8, hash: HASH },
      },
      cookies: {
        sessionid: { value: { type: 'string' }, path: { type: 'string' }, httponly: { type: 'string' } },
        theme: { value: { type: 'string' } },
      },
      body: {
        id: { type: 'number', length: 4, hash: HASH },
        tags: [{ type: 'string', length: 5, hash: HASH }, { type: 'null' }],
        user: { name: { type: 'string', length: 12, hash: HASH } },
      },
    });
  });

  test.each([
    ['text', 'text/plain', 'hello world', { type: 'string', length: 11, hash: HASH }],
    ['a page', 'text/html', '<p>hello', { type: 'string', length: 8, hash: HASH }],
    ['bytes', 'image/png', 'hello', { type: 'bytes', length: 5, hash: HASH }],
    ['nothing', 'text/plain', '', { type: 'absent' }],
    ['what is no JSON', 'application/json', '{"name":', { type: 'string', length: 8, hash: HASH }],
    ['too deep', 'application/json', '['.repeat(100), { [CUT]: { type: 'bytes' } }],
    [
      'events',
      'text/event-stream',
      'data: {"delta":"hello"}\n\n',
      [
        {
          event: { type: 'string', length: 7, hash: HASH },
          data: { delta: { type: 'string', length: 5, hash: HASH } },
        },
      ],
    ],
  ])('%s', (_, type, body, shown) => expect(draw({ type, body }).body).toEqual(shown));

  test('says so where the body was not kept', () => {
    const larger = { ...answer(), body: { kind: 'larger' as const } };
    expect(JSON.parse(mask.skeleton(larger, DEFAULT_MIRROR_RULES))).toMatchObject({
      body: { [CUT]: { type: 'bytes' } },
    });
  });

  test('has the hashes of differences: the same value at the same path', () => {
    const [one] = findDifferences(
      compareJson({ items: [{ state: 'waiting' }] }, { items: [{ state: 'running' }] }),
    );
    const { legacy } = mask.difference(one as FoundDifference, DEFAULT_MIRROR_RULES, 'acme');
    const drawn = JSON.parse(
      mask.skeleton(answer({ body: { items: [{ state: 'waiting' }] } }), DEFAULT_MIRROR_RULES, 'acme'),
    );
    expect(drawn.body.items[0].state).toEqual(legacy);
  });

  test('shows in clear what the table names, but secrets by their type alone', () => {
    const body = {
      state: 'done',
      password: 'hunter2 hunter2',
      user: { name: 'Ada Lovelace', tokens: { a: ['x'.repeat(50)] } },
    };
    expect(draw({ body }, { clear: ['/state', '/user', '/password'] }).body).toEqual({
      state: { type: 'string', length: 4, hash: HASH, clear: '"done"' },
      password: { type: 'string' },
      user: {
        name: { type: 'string', length: 12, hash: HASH, clear: '"Ada Lovelace"' },
        tokens: { type: 'object' },
      },
    });
  });
});

describe('keys that look like data', () => {
  test('are hashed, each its own way, and equal ones alike', () => {
    const drawn = draw({
      body: { by: { 'ada@acme.example': 1, 'bob@acme.example': 2 }, again: { 'ada@acme.example': 1 } },
    }).body as Record<string, object>;
    const keys = Object.keys(drawn.by ?? {});
    expect(keys).toEqual([
      expect.stringMatching(/^‹key:[0-9a-f]{16}›$/),
      expect.stringMatching(/^‹key:[0-9a-f]{16}›$/),
    ]);
    expect(keys[0]).not.toBe(keys[1]);
    expect(Object.keys(drawn.again ?? {})[0]).not.toBe(keys[0]);
    expect(draw({ body: { by: { 'bob@acme.example': 5 } } }).body).toEqual({
      by: { [keys[1] ?? '']: { type: 'number' } },
    });
  });

  test('have points in them only where cookies do', () => {
    expect(JSON.stringify(draw({ body: { 'ada.lovelace': 1 } }).body)).not.toContain('ada');
    expect(draw({ headers: ['Set-Cookie', 'a b=1; b c=2; Path=/'] }).cookies).toEqual({
      '‹key:1›': { value: { type: 'string' }, path: { type: 'string' } },
    });
  });

  test('are numbered where they could be guessed', () => {
    expect(draw({ body: { '7': true, '41': true, '': null } }).body).toEqual({
      '‹key:1›': { type: 'boolean' },
      '‹key:2›': { type: 'boolean' },
      '‹key:3›': { type: 'null' },
    });
  });

  test('are all keys of a large map', () => {
    const map = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`name${i}`, 1]));
    expect(JSON.stringify(draw({ body: map }).body)).not.toContain('name');
  });

  test('are names of cookies, too', () => {
    expect(
      Object.keys(
        draw({ headers: ['Set-Cookie', 'seen_0d9f8f8e6f0a4a8e=1', 'Set-Cookie', 'connect.sid=2'] }).cookies,
      ),
    ).toEqual([expect.stringMatching(/^‹key:[0-9a-f]{16}›$/), 'connect.sid']);
  });
});

describe('a skeleton is at most 32 KiB of JSON, and says where it was cut', () => {
  const rows = (length: number) =>
    Array.from({ length }, (_, i) => ({
      id: 1000 + i,
      name: `name number ${i}`,
      meta: { tags: ['alpha', 'beta'] },
    }));
  const deep = (depth: number): object =>
    depth === 0 ? rows(300) : { inner: deep(depth - 1), more: rows(20), 'a key with spaces': 1 };

  test.each<[string, object | string, string]>([
    ['a long list', rows(5_000), 'application/json'],
    ['a wide object', Object.fromEntries(rows(5_000).map((row) => [row.name, row])), 'application/json'],
    ['deep and wide', deep(60), 'application/json'],
    [
      'lists in lists',
      Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => 'text')),
      'application/json',
    ],
    [
      'long names',
      Array.from({ length: 500 }, () => ({ [`${'name_'.repeat(9)}a`]: 'text' })),
      'application/json',
    ],
    ['many events', 'data: {"delta":"hello"}\n\n'.repeat(3_000), 'text/event-stream'],
  ])('%s', (_, body, type) => {
    const text = mask.skeleton(answer({ body, type }), DEFAULT_MIRROR_RULES);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LARGEST_SKELETON);
    expect(Buffer.byteLength(text)).toBeGreaterThan(LARGEST_SKELETON / 2);
    expect(() => JSON.parse(text)).not.toThrow();
    expect(text).toContain(CUT);
  });

  test('the mark tells how much was left out', () => {
    const { body } = draw({ body: rows(5_000) }) as { body: unknown[] };
    expect(body.at(-1)).toEqual({ [CUT]: { type: 'list', length: 5_000 - (body.length - 1) } });
  });

  test('with clear text, too, which is left out first', () => {
    const body = { notes: Array.from({ length: 100 }, (_, i) => `${i} ${'ü'.repeat(900)}`) };
    const text = mask.skeleton(answer({ body }), { ...DEFAULT_MIRROR_RULES, clear: ['/notes'] });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LARGEST_SKELETON);
    const { notes } = (JSON.parse(text) as { body: { notes: { clear?: string }[] } }).body;
    expect(notes.length).toBe(100);
    expect(notes.map(({ clear }) => clear !== undefined).indexOf(false)).toBeGreaterThan(5);
    expect(notes[99]?.clear).toBeUndefined();
  });

  test('with thousands of headers and cookies', () => {
    const headers = Array.from({ length: 3_000 }, (_, i) => [
      `Access-Control-X${i}`,
      'a value',
      'Set-Cookie',
      `c${i}=1; ${'a=b; '.repeat(40)}`,
    ]).flat();
    const text = mask.skeleton(answer({ headers, body: rows(10) }), DEFAULT_MIRROR_RULES);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LARGEST_SKELETON);
    expect(() => JSON.parse(text)).not.toThrow();
  });

  test('a small one is whole', () =>
    expect(mask.skeleton(answer({ body: rows(10) }), DEFAULT_MIRROR_RULES)).not.toContain(CUT));
});
