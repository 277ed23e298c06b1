import { describe, expect, test } from '@jest/globals';
import { AnswerReader } from '../../../src/forward/answer-reader.ts';
import { BAD, GOOD, type Said, STRICTER } from './answers.ts';
import { askByUndici, type Read } from './other-readers.ts';

/** Reads it in the pieces that it is cut into, and then the end of the connection. */
function read({ bytes, method = 'GET' }: Said, cuts: readonly number[]): Read & { surplus: number } {
  const all = Buffer.from(bytes, 'latin1');
  const reader = new AnswerReader();
  const seen = { status: 0, phrase: '', raw: [] as string[], body: '', wholes: 0 };
  const hearer = {
    began: (status: number, phrase: string, raw: string[]) => Object.assign(seen, { status, phrase, raw }),
    piece: (piece: Buffer) => {
      seen.body += piece.toString('latin1');
      // They are the reader's again.
      piece.fill(0);
    },
    whole: () => {
      seen.wholes += 1;
    },
  };
  reader.expect(method);
  let surplus = 0;
  try {
    for (const [i, from] of [0, ...cuts].entries()) {
      const piece = Buffer.from(all.subarray(from, cuts[i] ?? all.length));
      const used = reader.isWhole ? 0 : reader.read(piece, hearer);
      surplus += piece.length - used;
    }
    if (!reader.isWhole) reader.end(hearer);
  } catch {
    return 'refused' as never;
  }
  const { wholes, ...rest } = seen;
  expect(wholes).toBe(1);
  return { ...rest, surplus };
}

const everyCut = ({ bytes }: Said) =>
  Array.from({ length: Math.min(bytes.length, 600) - 1 }, (_, i) => i + 1);
const oneByOne = ({ bytes }: Said) => Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);

describe.each(GOOD.map((said) => [said.name, said] as const))('%s', (_name, said) => {
  test('is read, and nothing is left over', () => {
    const seen = read(said, []);
    expect(seen).not.toBe('refused');
    expect(seen.surplus).toBe(0);
  });

  test('is the same wherever it is cut, and byte by byte', () => {
    const whole = read(said, []);
    for (const cut of everyCut(said)) expect(read(said, [cut])).toEqual(whole);
    expect(read(said, oneByOne(said))).toEqual(whole);
  });

  test('is what undici reads, status, lines and body', async () => {
    const { surplus: _, ...ours } = read(said, []);
    expect(said.isBeyondUndici ? 'refused' : ours).toEqual(await askByUndici(said));
  });

  test('is cut short wherever it breaks off', () => {
    if (said.endsWithConnection) return;
    for (const at of everyCut(said))
      expect(read({ ...said, bytes: said.bytes.slice(0, at) }, [])).toBe('refused');
  });

  test('leaves what stands behind it alone', () => {
    if (said.endsWithConnection) return;
    const more = { ...said, bytes: `${said.bytes}HTTP/1.1 200 OK\r\n` };
    expect(read(more, []).surplus).toBe(17);
    for (const cut of everyCut(said)) expect(read(more, [cut])).toEqual(read(more, []));
  });
});

describe.each([...BAD, ...STRICTER].map((said) => [said.name, said] as const))('%s', (_name, said) => {
  test('is refused wherever it is cut, and byte by byte', () => {
    expect(read(said, [])).toBe('refused');
    for (const cut of everyCut(said)) expect(read(said, [cut])).toBe('refused');
    expect(read(said, oneByOne(said))).toBe('refused');
  });
});

test.each(BAD.map((said) => [said.name, said] as const))(
  'undici refuses it, too: %s',
  async (_name, said) => {
    expect(await askByUndici(said)).toBe('refused');
  },
);

describe('what can never become an answer is refused before it has an end', () => {
  test.each([
    ['no HTTP', 'SSH-2'],
    ['a line that LF ends', 'HTTP/1.1 200 OK\n'],
    ['CR in a line', 'HTTP/1.1 200 OK\r\nX-A: a\rb'],
    ['a head without an end', `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(64 * 1024)}`],
    ['headers without an end', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(10_000)}`],
    ['a chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx'],
    [
      'a chunk size without an end',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}`,
    ],
    [
      'trailers without an end',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'X-A: b\r\n'.repeat(10_000)}`,
    ],
  ])('%s', (_name, bytes) => {
    const reader = new AnswerReader();
    reader.expect('GET');
    const deaf = { began: () => undefined, piece: () => undefined, whole: () => undefined };
    expect(() => reader.read(Buffer.from(bytes, 'latin1'), deaf)).toThrow();
  });
});

describe('how long legacy lets its connection be idle', () => {
  const FOR_EVER = Number.POSITIVE_INFINITY;
  test.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', FOR_EVER],
    ['HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n', FOR_EVER],
    ['HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n', 0],
    ['HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 0\r\n\r\n', 0],
    ['HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', 0],
    ['HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n', 5_000],
    ['HTTP/1.1 204 No Content\r\n\r\n', FOR_EVER],
    ['HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n', 0],
    ['HTTP/1.1 304 Not Modified\r\n\r\n', FOR_EVER],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n', 0],
    ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', 0],
    ['HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n', FOR_EVER],
    ['HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 0],
  ])('%j: %d ms', (bytes, staysMs) => {
    const reader = new AnswerReader();
    reader.expect('GET');
    reader.read(Buffer.from(bytes), {
      began: () => undefined,
      piece: () => undefined,
      whole: () => undefined,
    });
    expect(reader.staysMs).toBe(staysMs);
  });
});

test('many small chunks that have come at once are told at once', () => {
  const reader = new AnswerReader();
  const pieces: string[] = [];
  reader.expect('GET');
  reader.read(
    Buffer.from(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n2\r\ng',
    ),
    {
      began: () => undefined,
      piece: (bytes) => pieces.push(bytes.toString()),
      whole: () => undefined,
    },
  );
  expect(pieces).toEqual(['abcdefg']);
});
