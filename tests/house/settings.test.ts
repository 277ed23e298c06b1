import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readSettings, type Settings } from '../../src/settings.ts';

function read(env: Record<string, string> = {}): Settings {
  const result = readSettings(env);
  if (result.kind === 'mistakes') throw new Error(result.mistakes.join('\n'));
  return result.settings;
}

function listMistakes(env: Record<string, string>): readonly string[] {
  const result = readSettings(env);
  return result.kind === 'mistakes' ? result.mistakes : [];
}

test('the settings of shadow comparison are usable without being set', () => {
  expect(read()).toMatchObject({
    MIRROR_BODY_BYTES: 262_144,
    MIRROR_QUEUE: 200,
    MIRROR_MEMORY_BYTES: 67_108_864,
    MIRROR_TIMEOUT_MS: 10_000,
    MIRROR_HEAP_MB: 512,
    MIRROR_LAG_MS: 100,
    MIRROR_DAYS: 14,
  });
  const { MIRROR_KEY, FOLLOW_SLOT, MIRROR_POOL_SIZE, MIRROR_CPU_PERCENT } = read();
  expect([MIRROR_KEY, FOLLOW_SLOT, MIRROR_POOL_SIZE, MIRROR_CPU_PERCENT]).toEqual(Array(4).fill(undefined));
});

describe('each number has its bounds', () => {
  test.each([
    ['MIRROR_POOL_SIZE', 1, 100],
    ['MIRROR_CPU_PERCENT', 1, 10_000],
    ['MIRROR_BODY_BYTES', 1_024, 16_777_216],
    ['MIRROR_QUEUE', 1, 10_000],
    ['MIRROR_TIMEOUT_MS', 100, 60_000],
    ['MIRROR_HEAP_MB', 64, 8_192],
    ['MIRROR_LAG_MS', 5, 10_000],
    ['MIRROR_DAYS', 1, 365],
  ] as const)('%s from %i to %i', (name, least, most) => {
    for (const value of [least, most]) expect(read({ [name]: String(value) })[name]).toBe(value);
    for (const value of [String(least - 1), String(most + 1), '-1', '1.5', '1e3', 'many'])
      expect(listMistakes({ [name]: value })).toEqual([
        `${name} is "${value}", not what it must be: a whole number from ${least} to ${most}.`,
      ]);
  });
});

describe('MIRROR_KEY', () => {
  const bytes = new Uint8Array(randomBytes(32));
  const as = (encoding: BufferEncoding) => Buffer.from(bytes).toString(encoding);

  test.each([
    ['base64', as('base64')],
    ['base64 without padding', as('base64').replace('=', '')],
    ['base64url', as('base64url')],
    ['hex', as('hex')],
    ['hex in capitals', as('hex').toUpperCase()],
  ])('is 32 bytes as %s', (_how, text) => {
    expect(read({ MIRROR_KEY: text }).MIRROR_KEY).toEqual(bytes);
  });

  test('may come from a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'banyan-settings-'));
    const file = join(folder, 'key');
    writeFileSync(file, `${as('hex')}\n`);
    expect(read({ MIRROR_KEY_FILE: file }).MIRROR_KEY).toEqual(bytes);
    rmSync(folder, { recursive: true });
  });

  test.each([
    ['a word', 'hunter2'],
    ['31 bytes', randomBytes(31).toString('base64')],
    ['33 bytes', randomBytes(33).toString('base64')],
    ['63 hex digits', as('hex').slice(1)],
    ['zeros', '0'.repeat(64)],
    ['a letter over and over', 'A'.repeat(43)],
  ])('is refused as %s, and not said back', (_what, text) => {
    expect(listMistakes({ MIRROR_KEY: text })).toEqual([
      'MIRROR_KEY is not what it must be: 32 random bytes as base64, base64url or hex.',
    ]);
  });
});

describe('FOLLOW_SLOT', () => {
  const LEGACY_DATABASE_URL = 'postgresql://legacy@127.0.0.1/legacy';

  test('names a replication slot', () => {
    expect(read({ FOLLOW_SLOT: 'banyan_1', LEGACY_DATABASE_URL }).FOLLOW_SLOT).toBe('banyan_1');
  });

  test('is refused without the database on which it is', () => {
    expect(listMistakes({ FOLLOW_SLOT: 'banyan' })).toEqual([
      'LEGACY_DATABASE_URL is not set, but FOLLOW_SLOT is: say on which database the slot is.',
    ]);
  });

  test.each(['Banyan', 'ba-nyan', 'x; drop', 'x'.repeat(64)])('is refused as %s', (slot) => {
    expect(listMistakes({ FOLLOW_SLOT: slot, LEGACY_DATABASE_URL })).toEqual([
      `FOLLOW_SLOT is "${slot}", not what it must be: the name of a replication slot: 1 to 63 of a to z, 0 to 9 and _.`,
    ]);
  });
});

test('bodies that would never fit into the memory for copies are a mistake', () => {
  const env = { MIRROR_BODY_BYTES: '1048576', MIRROR_MEMORY_BYTES: '2097151' };
  expect(listMistakes(env)).toEqual([
    'MIRROR_MEMORY_BYTES is less than twice MIRROR_BODY_BYTES: a copy holds a request and an answer.',
  ]);
  expect(listMistakes({ ...env, MIRROR_MEMORY_BYTES: '2097152' })).toEqual([]);
});

test.each([
  ['MIRROR_QUEU', 'MIRROR_QUEUE'],
  ['FOLLOW_SLOTS', 'FOLLOW_SLOT'],
])('%s is no setting, and the nearest one is named', (wrong, right) => {
  expect(listMistakes({ [wrong]: '1' })).toEqual([`${wrong} is no setting. Did you mean ${right}?`]);
});

test('what Kubernetes says of a Service called mirror is passed over', () => {
  expect(listMistakes({ MIRROR_SERVICE_HOST: '10.0.0.7', MIRROR_PORT: 'tcp://10.0.0.7:80' })).toEqual([]);
});
