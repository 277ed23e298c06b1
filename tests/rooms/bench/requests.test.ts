import { expect, test } from '@jest/globals';
import { stampTrace, writeRequest } from '../../../bench/load/request-bytes.ts';
import { BODY_BYTES, makeJson } from '../../../bench/upstream/canned.ts';
import { openEcho } from '../../../bench/upstream/echo.ts';

const target = (method: 'GET' | 'POST', bodyBytes?: number) => ({
  method,
  path: '/api/a/',
  ...(bodyBytes !== undefined && { bodyBytes }),
  expect: { status: 200, bodyBytes: 0 },
});

test('each time a request is sent, it has a trace id of its own, and nothing else changes', () => {
  const request = writeRequest(target('GET'), 'byn_test_key');
  const before = request.bytes.toString('latin1');
  stampTrace(request, 0xbeef);
  const after = request.bytes.toString('latin1');
  expect(after).toContain('\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0000beef-00f067aa0ba902b7-01\r\n');
  expect(after.replace('0000beef', '00000000')).toBe(before);
});

test('a request with a body says how long it is, and is as long', () => {
  const text = writeRequest(target('POST', 1_000), 'k').bytes.toString('latin1');
  expect(text).toContain('\r\nContent-Length: 1000\r\n');
  expect(text.length - text.indexOf('\r\n\r\n') - 4).toBe(1_000);
});

test.each([BODY_BYTES.small, BODY_BYTES.large])(
  'the upstream answers exactly %i bytes of valid JSON',
  (bytes) => {
    const text = makeJson(bytes);
    expect(text).toHaveLength(bytes);
    expect(JSON.parse(text)).toHaveProperty('items');
  },
);

test('the upstream says again what a WebSocket client says, however it arrives', () => {
  const said: Buffer[] = [];
  const hear = openEcho((frame) => said.push(frame));
  const mask = [1, 2, 3, 4];
  const frame = Buffer.from([0x81, 0x82, ...mask, 0x68 ^ 1, 0x69 ^ 2]);
  for (const byte of Buffer.concat([frame, frame])) hear(Buffer.from([byte]));
  expect(said.map((one) => one.toString('latin1'))).toEqual(['\x81\x02hi', '\x81\x02hi']);
});
