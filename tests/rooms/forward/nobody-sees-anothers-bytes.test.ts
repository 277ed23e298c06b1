import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openRawServer, type RawServer } from '../../support/raw-http.ts';
import { type Door, openDoor } from './door.ts';

// More than the kernel takes for a reader that does not read.
const BYTES = 12_000_000;
// None of them is a digit of a chunk's size.
const LETTERS = 'ghijkl';
let legacy: RawServer;
let door: Door;

beforeAll(async () => {
  legacy = await openRawServer((socket, head) => {
    const letter = head.charAt(5);
    const body = Buffer.alloc(BYTES, letter);
    const isChunked = LETTERS.indexOf(letter) % 2 === 1;
    const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${BYTES}`;
    socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
    if (!isChunked) return void socket.write(body);
    for (let at = 0; at < BYTES; at += 50_000) {
      socket.write(`${(50_000).toString(16)}\r\n`);
      socket.write(body.subarray(at, at + 50_000));
      socket.write('\r\n');
    }
    socket.write('0\r\n\r\n');
  });
  door = await openDoor(legacy.url, { timeoutMs: 10_000 });
});
afterAll(async () => {
  await door.close();
  await legacy.close();
});

/** Reads slowly, and leaves after so many bytes. Answers what letters it has seen of somebody else. */
function read(letter: string, leaveAfter: number): Promise<{ foreign: string[]; bytes: number }> {
  return new Promise((resolve) => {
    const foreign: string[] = [];
    let [bytes, head, hasPaused] = [0, '', false];
    const socket = connect(door.port, '127.0.0.1', () =>
      socket.write(`GET /${letter} HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n`),
    );
    socket.on('data', (chunk) => {
      let body = chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) {
        head += body;
        body = head.split('\r\n\r\n')[1] ?? '';
      }
      bytes += body.length;
      foreign.push(...body.replaceAll(letter, '').replace(/[\r\n0-9a-f]/g, ''));
      if (bytes > leaveAfter) return void socket.resetAndDestroy();
      if (hasPaused) return undefined;
      hasPaused = true;
      socket.pause();
      setTimeout(() => socket.resume(), 400);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve({ foreign, bytes }));
  });
}

test('many large answers at once, with slow readers and readers that leave: each sees its own', async () => {
  const all = await Promise.all(
    [...LETTERS].map((letter, i) => read(letter, i % 3 === 2 ? 4_000_000 : Number.POSITIVE_INFINITY)),
  );
  for (const [i, { foreign, bytes }] of all.entries()) {
    expect([...new Set(foreign)]).toEqual([]);
    expect(bytes).toBeGreaterThanOrEqual(i % 3 === 2 ? 4_000_000 : BYTES);
  }
});
