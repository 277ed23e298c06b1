// The cases are those of the W3C's own suite (https://github.com/w3c/trace-context, test/test.py, strict level 2), under its names.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, openClient, openStand, type Stand } from './stand.ts';

const ID = '12345678901234567890123456789012';
const PARENT = '1234567890123456';
const GOOD = `00-${ID}-${PARENT}-01`;
const QUIET = `00-${ID}-${PARENT}-00`;

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

type Trace = Readonly<{
  version: string;
  id: string;
  parent: string;
  flags: string;
  state: readonly string[];
}>;
let asks = 0;

/** What legacy is told of the trace when the client sends these lines, byte for byte. */
async function trace(...lines: string[]): Promise<Trace> {
  asks += 1;
  const client = openClient(stand.port, ask(`GET /trace-${asks}`, ...lines));
  await client.until('\r\n\r\nok');
  client.socket.destroy();
  const asked = await stand.monolith.heard(`/trace-${asks}`);
  const parents = asked.values('traceparent');
  expect(parents).toEqual([expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)]);
  const [version = '', id = '', parent = '', flags = ''] = parents[0]?.split('-') ?? [];
  const state = asked.values('tracestate').flatMap((value) => value.split(','));
  expect(id).not.toBe('0'.repeat(32));
  expect(parent).not.toBe('0'.repeat(16));
  return { version, id, parent, flags, state };
}

describe('the trace goes on, with a parent of our own', () => {
  test.each([
    ['traceparent_included_tracestate_missing', `traceparent: ${GOOD}`],
    ['traceparent_header_name_valid_casing', `TraceParent: ${GOOD}`],
    ['traceparent_header_name_valid_casing', `TrAcEpArEnT: ${GOOD}`],
    ['traceparent_header_name_valid_casing', `TRACEPARENT: ${GOOD}`],
    ['traceparent_version_0xcc', `traceparent: cc-${ID}-${PARENT}-01`],
    ['traceparent_version_0xcc', `traceparent: cc-${ID}-${PARENT}-01-what-the-future-will-be-like`],
    ['traceparent_ows_handling', `traceparent:  ${GOOD}`],
    ['traceparent_ows_handling', `traceparent: \t${GOOD}`],
    ['traceparent_ows_handling', `traceparent: ${GOOD} `],
    ['traceparent_ows_handling', `traceparent: ${GOOD}\t`],
    ['traceparent_ows_handling', `traceparent: \t ${GOOD} \t`],
  ])('%s: %j', async (_name, line) => {
    const seen = await trace(line);
    expect(seen).toMatchObject({ id: ID, flags: '01' });
    expect(seen.parent).not.toBe(PARENT);
  });
});

describe('a new trace begins, and no state goes on', () => {
  const cases: [string, string[]][] = [
    ['both_traceparent_and_tracestate_missing', []],
    ['traceparent_duplicated', [`traceparent: ${GOOD}`, `traceparent: ${GOOD.replace('9012-', '9011-')}`]],
    ['traceparent_header_name', [`trace-parent: ${GOOD}`]],
    ['traceparent_header_name', [`trace.parent: ${GOOD}`]],
    ['traceparent_version_0x00', [`traceparent: ${GOOD}.`]],
    ['traceparent_version_0x00', [`traceparent: ${GOOD}-what-the-future-will-be-like`]],
    ['traceparent_version_0xcc', [`traceparent: cc-${ID}-${PARENT}-01.what-the-future-will-be-like`]],
    ['traceparent_version_0xff', [`traceparent: ff-${ID}-${PARENT}-01`]],
    ['traceparent_version_illegal_characters', [`traceparent: .0-${ID}-${PARENT}-01`]],
    ['traceparent_version_illegal_characters', [`traceparent: 0.-${ID}-${PARENT}-01`]],
    ['traceparent_version_too_long', [`traceparent: 000-${ID}-${PARENT}-01`]],
    ['traceparent_version_too_long', [`traceparent: 0000-${ID}-${PARENT}-01`]],
    ['traceparent_version_too_short', [`traceparent: 0-${ID}-${PARENT}-01`]],
    ['traceparent_trace_id_all_zero', [`traceparent: 00-${'0'.repeat(32)}-${PARENT}-01`]],
    ['traceparent_trace_id_illegal_characters', [`traceparent: 00-.${ID.slice(1)}-${PARENT}-01`]],
    ['traceparent_trace_id_illegal_characters', [`traceparent: 00-${ID.slice(1)}.-${PARENT}-01`]],
    ['traceparent_trace_id_too_long', [`traceparent: 00-${ID}3-${PARENT}-01`]],
    ['traceparent_trace_id_too_short', [`traceparent: 00-${ID.slice(1)}-${PARENT}-01`]],
    ['traceparent_parent_id_all_zero', [`traceparent: 00-${ID}-${'0'.repeat(16)}-01`]],
    ['traceparent_parent_id_illegal_characters', [`traceparent: 00-${ID}-.${PARENT.slice(1)}-01`]],
    ['traceparent_parent_id_illegal_characters', [`traceparent: 00-${ID}-${PARENT.slice(1)}.-01`]],
    ['traceparent_parent_id_too_long', [`traceparent: 00-${ID}-${PARENT}7-01`]],
    ['traceparent_parent_id_too_short', [`traceparent: 00-${ID}-${PARENT.slice(1)}-01`]],
    ['traceparent_trace_flags_illegal_characters', [`traceparent: 00-${ID}-${PARENT}-.0`]],
    ['traceparent_trace_flags_illegal_characters', [`traceparent: 00-${ID}-${PARENT}-0.`]],
    ['traceparent_trace_flags_too_long', [`traceparent: 00-${ID}-${PARENT}-001`]],
    ['traceparent_trace_flags_too_short', [`traceparent: 00-${ID}-${PARENT}-1`]],
    ['tracestate_included_traceparent_missing', []],
  ];
  test.each(cases)('%s: %j', async (_name, lines) => {
    const seen = await trace(...lines, 'tracestate: foo=1,bar=2');
    expect(seen.id).not.toBe(ID);
    expect(lines.join()).not.toContain(`-${seen.id}-`);
    expect(seen.state).toEqual([]);
  });
});

describe('the state of every vendor goes on, in its order', () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/';
  const visible = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i)).join('');
  const value = visible.replace(/[,=]/g, '');
  const bars = (count: number) =>
    Array.from({ length: count }, (_, i) => `bar${String(i + 1).padStart(2, '0')}=${i + 1}`);

  test.each([
    ['tracestate_included_traceparent_included', ['foo=1,bar=2'], ['foo=1', 'bar=2']],
    ['tracestate_empty_header', ['foo=1', ''], ['foo=1']],
    ['tracestate_empty_header', ['', 'foo=1'], ['foo=1']],
    [
      'tracestate_multiple_headers_different_keys',
      ['foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'],
      ['foo=1', 'bar=2', 'rojo=1', 'congo=2', 'baz=3'],
    ],
    ['tracestate_all_allowed_characters', [`${letters}=${value}`], [`${letters}=${value}`]],
    [
      'tracestate_all_allowed_characters',
      [`${letters}@a-z0-9_-*/=${value}`],
      [`${letters}@a-z0-9_-*/=${value}`],
    ],
    ['tracestate_ows_handling', ['foo=1 \t , \t bar=2, \t baz=3'], ['foo=1', 'bar=2', 'baz=3']],
    ['tracestate_ows_handling', ['foo=1\t \t,\t \tbar=2,\t \tbaz=3'], ['foo=1', 'bar=2', 'baz=3']],
    ['tracestate_ows_handling', [' foo=1'], ['foo=1']],
    ['tracestate_ows_handling', ['\tfoo=1'], ['foo=1']],
    ['tracestate_ows_handling', ['foo=1 '], ['foo=1']],
    ['tracestate_ows_handling', ['foo=1\t'], ['foo=1']],
    ['tracestate_ows_handling', ['\t foo=1 \t'], ['foo=1']],
    ['tracestate_member_count_limit', [bars(32).join(',')], bars(32)],
    [
      'tracestate_member_count_limit',
      [bars(32).slice(0, 20).join(','), bars(32).slice(20).join(',')],
      bars(32),
    ],
    ['tracestate_key_length_limit', ['foo=1', `${'z'.repeat(256)}=1`], ['foo=1', `${'z'.repeat(256)}=1`]],
    [
      'tracestate_key_length_limit',
      ['foo=1', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
      ['foo=1', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
    ],
  ])('%s: %j', async (_name, states, kept) => {
    const seen = await trace(`traceparent: ${QUIET}`, ...states.map((state) => `tracestate: ${state}`));
    expect(seen).toMatchObject({ id: ID, flags: '00' });
    expect(seen.state).toEqual(kept);
  });

  test.each(['TraceState', 'TrAcEsTaTe', 'TRACESTATE'])(
    'tracestate_header_name_valid_casing: %s',
    async (name) => {
      expect((await trace(`traceparent: ${QUIET}`, `${name}: foo=1`)).state).toEqual(['foo=1']);
    },
  );
});

describe('a state that breaks the rules is dropped whole, and the trace goes on', () => {
  const tooMany = Array.from({ length: 33 }, (_, i) => `bar${i}=1`).join(',');
  test.each([
    ['tracestate_header_name', ['trace-state: foo=1']],
    ['tracestate_header_name', ['trace.state: foo=1']],
    ['tracestate_empty_header', ['tracestate: ']],
    ['tracestate_duplicated_keys', ['tracestate: foo=1,foo=1']],
    ['tracestate_duplicated_keys', ['tracestate: foo=1,foo=2']],
    ['tracestate_duplicated_keys', ['tracestate: foo=1', 'tracestate: foo=1']],
    ['tracestate_duplicated_keys', ['tracestate: foo=1', 'tracestate: foo=2']],
    ['tracestate_key_illegal_characters', ['tracestate: foo =1']],
    ['tracestate_key_illegal_characters', ['tracestate: FOO=1']],
    ['tracestate_key_illegal_characters', ['tracestate: foo.bar=1']],
    ['tracestate_key_illegal_vendor_format', ['tracestate: foo@=1,bar=2']],
    ['tracestate_key_illegal_vendor_format', ['tracestate: @foo=1,bar=2']],
    ['tracestate_key_illegal_vendor_format', ['tracestate: foo@@bar=1,bar=2']],
    ['tracestate_key_illegal_vendor_format', ['tracestate: foo@bar@baz=1,bar=2']],
    ['tracestate_member_count_limit', [`tracestate: ${tooMany}`]],
    ['tracestate_key_length_limit', ['tracestate: foo=1', `tracestate: ${'z'.repeat(257)}=1`]],
    ['tracestate_key_length_limit', ['tracestate: foo=1', `tracestate: ${'t'.repeat(242)}@v=1`]],
    ['tracestate_key_length_limit', ['tracestate: foo=1', `tracestate: t@${'v'.repeat(15)}=1`]],
    ['tracestate_value_illegal_characters', ['tracestate: foo=bar=baz']],
    ['tracestate_value_illegal_characters', ['tracestate: foo=,bar=3']],
  ])('%s: %j', async (_name, lines) => {
    const seen = await trace(`traceparent: ${QUIET}`, ...lines);
    expect(seen).toMatchObject({ id: ID, flags: '00', state: [] });
  });
});

describe('several requests', () => {
  test('multiple_requests_with_valid_traceparent: one trace, a parent each', async () => {
    const seen = [
      await trace(`traceparent: ${GOOD}`),
      await trace(`traceparent: ${GOOD}`),
      await trace(`traceparent: ${GOOD}`),
    ];
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set([ID]));
    expect(new Set(seen.map(({ parent }) => parent)).size).toBe(3);
  });

  test('multiple_requests_without_traceparent: a trace and a parent each', async () => {
    const seen = [await trace(), await trace(), await trace()];
    expect(new Set(seen.map(({ id }) => id)).size).toBe(3);
    expect(new Set(seen.map(({ parent }) => parent)).size).toBe(3);
  });

  test('multiple_requests_with_illegal_traceparent: a trace and a parent each', async () => {
    const line = `traceparent: 00-${'0'.repeat(32)}-${PARENT}-01`;
    const seen = [await trace(line), await trace(line), await trace(line)];
    expect(new Set(seen.map(({ id }) => id)).size).toBe(3);
    expect(new Set(seen.map(({ parent }) => parent)).size).toBe(3);
  });
});
