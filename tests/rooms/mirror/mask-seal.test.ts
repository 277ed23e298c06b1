import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { openMask, openSeal } from '../../../src/mirror/mask/index.ts';

const KEY = randomBytes(32);
const seal = openSeal(KEY);
const VALUE = { asked: { path: '/api/x' }, values: [{ path: '/a', legacy: 'Zoë', new: null }] };

describe('what is sealed', () => {
  test('opens with the key, about the same thing', () => {
    expect(seal.open(seal.seal(VALUE, 'ai.jobs'), 'ai.jobs')).toEqual(VALUE);
    expect(openSeal(Uint8Array.from(KEY)).open(seal.seal(VALUE, ''), '')).toEqual(VALUE);
    expect(seal.open(seal.seal(undefined, 'x'), 'x')).toBeNull();
  });

  test('does not open about another thing, or with another key', () => {
    const sealed = seal.seal(VALUE, 'ai.jobs');
    expect(seal.open(sealed, 'ai.job')).toBeUndefined();
    expect(openSeal(randomBytes(32)).open(sealed, 'ai.jobs')).toBeUndefined();
  });

  test('does not open if any byte of it was touched, cut off or added', () => {
    const sealed = seal.seal(VALUE, 'x');
    for (let i = 0; i < sealed.length; i++) {
      const touched = Uint8Array.from(sealed);
      touched[i] = (touched[i] ?? 0) ^ 1;
      expect([i, seal.open(touched, 'x')]).toEqual([i, undefined]);
      expect([i, seal.open(sealed.subarray(0, i), 'x')]).toEqual([i, undefined]);
    }
    expect(seal.open(Buffer.concat([sealed, Buffer.of(0)]), 'x')).toBeUndefined();
  });

  test('is another each time, and holds nothing that can be read', () => {
    const [one, other] = [seal.seal(VALUE, 'x'), seal.seal(VALUE, 'x')];
    expect(Buffer.compare(one, other)).not.toBe(0);
    expect(Buffer.compare(one.subarray(1, 13), other.subarray(1, 13))).not.toBe(0);
    expect(Buffer.from(one).toString('latin1')).not.toContain('api');
    expect(one[0]).toBe(1);
    expect(one.length).toBe(1 + 12 + 16 + Buffer.byteLength(JSON.stringify(VALUE)));
  });

  test.each([0, 16, 31, 33])('is not sealed with a key of %d bytes', (length) => {
    expect(() => openSeal(new Uint8Array(length))).toThrow('32 bytes');
  });
});

test('one key serves mask and seal, and neither shows it', () => {
  const shown = JSON.stringify(openMask(KEY)) + JSON.stringify(seal) + openSeal.toString();
  expect(shown).not.toContain(Buffer.from(KEY).toString('hex'));
});
