import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, openClient, openStand, type Stand, untilMs } from './stand.ts';

// No whole answer of this file keeps to it: what counts is that something moves.
const TIMEOUT_MS = 500;
const EVENTS = 10_000;
let stand: Stand;
beforeAll(async () => {
  stand = await openStand({ timeoutMs: TIMEOUT_MS });
});
afterAll(() => stand.close());

describe('slow drips', () => {
  test('an answer that comes a byte at a time arrives so, for longer than legacy may be silent', async () => {
    stand.monolith.on('/drip', async ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (const letter of 'drip drip') {
        await untilMs(100);
        socket.write(`1\r\n${letter}\r\n`);
      }
      socket.write('0\r\n\r\n');
    });
    const client = openClient(stand.port, ask('GET /drip', 'Connection: close'));
    expect(await client.until('1\r\nd\r\n')).not.toContain('p');
    await client.ended;
    expect(client.text()).toMatch(/\r\n0\r\n\r\n$/);
    expect(
      client
        .text()
        .match(/(?<=\r\n1\r\n)./g)
        ?.join(''),
    ).toBe('drip drip');
  });

  test('an upload that comes a byte at a time arrives so, for longer than legacy may be silent', async () => {
    stand.monolith.on('/drip-up', async ({ socket, whole }) => {
      await whole;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    const client = openClient(stand.port, ask('POST /drip-up', 'Content-Length: 9', 'Connection: close'));
    const seen: string[] = [];
    for (const letter of 'drip drip') {
      client.send(letter);
      await untilMs(100);
      seen.push((await stand.monolith.heard('/drip-up')).body.toString());
    }
    await client.ended;
    expect(seen).toEqual(['d', 'dr', 'dri', 'drip', 'drip ', 'drip d', 'drip dr', 'drip dri', 'drip drip']);
    expect(client.text()).toMatch(/^HTTP\/1.1 200 OK/);
  });

  test('a request whose head drips in is answered', async () => {
    const client = openClient(stand.port);
    for (const piece of ['GET /drip-', 'head HT', 'TP/1.1\r', '\nHo', 'st: a.exa', 'mple\r\n', '\r', '\n']) {
      client.send(piece);
      await untilMs(20);
    }
    await client.until('\r\n\r\nok');
    client.socket.destroy();
  });
});

describe('event streams', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n';

  test('an event arrives at once; a pause longer than the deadline of other answers does not end the stream', async () => {
    stand.monolith.on('/pauses', async ({ socket }) => {
      socket.write(`${HEAD}: open\n\n`);
      await untilMs(TIMEOUT_MS + 300);
      socket.end('id: 1\ndata: after the pause\n\n');
    });
    const client = openClient(
      stand.port,
      ask('GET /pauses', 'Accept: text/event-stream', 'Last-Event-ID: 0'),
    );
    const asked = await stand.monolith.heard('/pauses');
    expect(await client.until(': open')).not.toContain('after');
    await client.until('data: after the pause');
    client.socket.destroy();
    expect(asked.values('last-event-id')).toEqual(['0']);
  });

  test('ten thousand events arrive in order, however many come with one packet', async () => {
    stand.monolith.on('/events', async ({ socket }) => {
      socket.write(HEAD);
      for (let i = 0; i < EVENTS; i += 1) {
        if (!socket.write(`id: ${i}\ndata: {"number":${i}}\n\n`))
          await new Promise((resolve) => socket.once('drain', resolve));
        if (i % 500 === 0) await untilMs(1);
      }
      socket.end();
    });
    const client = openClient(stand.port, ask('GET /events', 'Connection: close'));
    await client.ended;
    const [, ...body] = client.text().split('\r\n\r\n');
    const ids =
      unchunk(body.join('\r\n\r\n'))
        .match(/(?<=^id: )\d+$/gm)
        ?.map(Number) ?? [];
    expect(ids).toEqual(Array.from({ length: EVENTS }, (_, i) => i));
  });
});

function unchunk(text: string): string {
  let all = '';
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (size === 0) break;
    all += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
  return all;
}
