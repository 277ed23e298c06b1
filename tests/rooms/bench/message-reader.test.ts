import { describe, expect, test } from '@jest/globals';
import { MessageReader, readStatus } from '../../../bench/load/message-reader.ts';

type Seen = Readonly<{ status: number; bodyBytes: number }>;

/** Feeds the text in pieces of so many bytes. */
function readAnswers(text: string, pieceBytes = Number.POSITIVE_INFINITY): readonly Seen[] {
  const seen: Seen[] = [];
  let status = 0;
  const reader = new MessageReader({
    of: 'answers',
    began: (head) => {
      status = readStatus(head);
    },
    ended: (bodyBytes) => seen.push({ status, bodyBytes }),
  });
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // A buffer that is used again for the next piece, as the load generator's is.
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    reader.feed(piece);
    piece.fill('!');
  }
  return seen;
}

const COUNTED = 'HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH: 5\r\n\r\nhello';
const CHUNKED =
  'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na;ext=1\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\n';
const EMPTY = 'HTTP/1.1 204 No Content\r\n\r\n';
const NOTHING = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n';

describe.each([1, 2, 7, 64, 10_000])('in pieces of %i bytes', (pieceBytes) => {
  test('answers are read one after the other, whatever frames them', () => {
    expect(readAnswers(COUNTED + CHUNKED + EMPTY + NOTHING + COUNTED, pieceBytes)).toEqual([
      { status: 200, bodyBytes: 5 },
      { status: 201, bodyBytes: 15 },
      { status: 204, bodyBytes: 0 },
      { status: 503, bodyBytes: 0 },
      { status: 200, bodyBytes: 5 },
    ]);
  });
});

test('an answer that is not whole has not ended', () => {
  expect(readAnswers(COUNTED.slice(0, -1))).toEqual([]);
});

test('a request without a length has no body', () => {
  const paths: string[] = [];
  const reader = new MessageReader({
    of: 'requests',
    began: (head) => paths.push(head.split(' ')[1] ?? ''),
    ended: (bodyBytes) => paths.push(String(bodyBytes)),
  });
  reader.feed(
    Buffer.from('GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nxx'),
  );
  expect(paths).toEqual(['/a', '0', '/b', '2']);
});
