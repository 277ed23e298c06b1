import { afterAll, describe, expect, test } from '@jest/globals';
import { takeRequestId } from '../../../src/admit/index.ts';
import { listIdentity } from '../../support/identity.ts';
import { arriveAt, openRoom, withHeaders } from './support.ts';

const { admit } = openRoom();
afterAll(() => admit.close());

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const trace = (...lines: string[]) => arriveAt(admit, { headers: withHeaders(...lines) }).trace;
const parent = (text: string, state = 'rojo=00f067aa0ba902b7') =>
  trace('traceparent', text, 'tracestate', state);

describe('a trace is kept', () => {
  test.each([
    [`00-${TRACE}-${PARENT}-01`, '01'],
    [`00-${TRACE}-${PARENT}-00`, '00'],
    [`00-${TRACE}-${PARENT}-ff`, '01'],
    [`00-${TRACE}-${PARENT}-02`, '00'],
    [`cc-${TRACE}-${PARENT}-01`, '01'],
    [`cc-${TRACE}-${PARENT}-01-what-the-future-brings`, '01'],
  ])('%s', (text, flags) => {
    const kept = parent(text);

    expect(kept).toEqual({
      traceId: TRACE,
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      flags,
      state: 'rojo=00f067aa0ba902b7',
    });
    expect(kept.spanId).not.toBe(PARENT);
  });

  test('and sent on with our own span as the parent', () => {
    const arrival = arriveAt(admit, {
      headers: withHeaders('traceparent', `cc-${TRACE}-${PARENT}-01`, 'tracestate', 'a=1'),
    });

    const lines = listIdentity(admit.identity(arrival, { kind: 'anonymous', tenant: undefined }, 'legacy'));

    expect(lines[lines.indexOf('traceparent') + 1]).toBe(`00-${TRACE}-${arrival.trace.spanId}-01`);
    expect(lines[lines.indexOf('tracestate') + 1]).toBe('a=1');
  });
});

describe('a new trace begins, and the state is dropped, for', () => {
  test.each([
    ['another length', `00-${TRACE}-${PARENT}-01-`],
    ['a field more', `00-${TRACE}-${PARENT}-01-extra`],
    ['version ff', `ff-${TRACE}-${PARENT}-01`],
    ['a later version without a dash', `cc-${TRACE}-${PARENT}-01extra`],
    ['capital letters', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['letters beyond f', `00-${TRACE.replace('0', 'g')}-${PARENT}-01`],
    ['missing flags', `00-${TRACE}-${PARENT}`],
    ['spaces', ` 00-${TRACE}-${PARENT}-01`],
    ['nothing', ''],
  ])('%s', (_name, text) => {
    const begun = parent(text);

    expect(begun.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(begun.traceId).not.toBe(TRACE);
    expect(begun).toMatchObject({ flags: '01', state: undefined });
  });

  test('two parents', () => {
    const line = `00-${TRACE}-${PARENT}-01`;

    expect(trace('traceparent', line, 'traceparent', line).traceId).not.toBe(TRACE);
  });

  test('a state without a parent', () => {
    expect(trace('tracestate', 'a=1').state).toBeUndefined();
  });
});

describe('the state', () => {
  const state = (...values: string[]) =>
    trace('traceparent', `00-${TRACE}-${PARENT}-01`, ...values.flatMap((value) => ['tracestate', value]))
      .state;

  test.each([
    [['a=1'], 'a=1'],
    [['a=1,b=2', 'c=3'], 'a=1,b=2,c=3'],
    [['a=1 ,\t b=2,,'], 'a=1,b=2'],
    [['tenant@vendor=x', '0day=y'], 'tenant@vendor=x,0day=y'],
    [['a= x=y'], undefined],
    [['a=1,a=2'], undefined],
    [['A=1'], undefined],
    [['a'], undefined],
    [['=1'], undefined],
    [['a='], undefined],
    [['a=\u00e9'], undefined],
    [[''], undefined],
    [[Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(',')], undefined],
    [[`a=${'x'.repeat(257)}`], undefined],
  ])('%p goes on as %p', (values, expected) => {
    expect(state(...values)).toBe(expected);
  });

  test('that does not parse does not spoil the parent', () => {
    expect(parent(`00-${TRACE}-${PARENT}-01`, '!!!')).toMatchObject({ traceId: TRACE, state: undefined });
  });
});

describe('the request id', () => {
  const id = (...values: string[]) =>
    arriveAt(admit, { headers: withHeaders(...values.flatMap((value) => ['X-Request-ID', value])) })
      .requestId as string;

  test('is the client’s where it is harmless', () => {
    expect(id('checkout-2026_01')).toBe('checkout-2026_01');
  });

  test.each([
    [['short']],
    [['a'.repeat(65)]],
    [['with space 123']],
    [['"quoted-1234"']],
    [['{"json":1}']],
    [['one-of-two', 'two-of-two']],
    [['']],
    [[]],
  ])('is a new one for %p', (values) => {
    const taken = id(...values);

    expect(taken).toMatch(/^[0-9a-f-]{36}$/);
    expect(values).not.toContain(taken);
  });

  test('can be taken for a request that is refused, too', () => {
    expect(takeRequestId(['x-request-id', 'refused-1234']) as string).toBe('refused-1234');
  });
});
