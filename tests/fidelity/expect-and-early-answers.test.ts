import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, openClient, openStand, type Stand, untilMs } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand({ env: { MAX_BODY_BYTES: '20000000' } });
});
afterAll(() => stand.close());

const count = (path: string) => stand.monolith.asked.filter(({ target }) => target === path).length;
const EXPECTING = 'Expect: 100-continue';

describe('a client that asks before it sends', () => {
  test('is told to go on, and then answered; legacy is not asked to expect anything', async () => {
    const client = openClient(stand.port, ask('POST /asks-first', EXPECTING, 'Content-Length: 4'));
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('body');
    const text = await client.until('\r\n\r\nok');
    client.socket.destroy();
    expect(text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n/);
    const asked = await stand.monolith.heard('/asks-first');
    await asked.whole;
    expect([asked.values('expect'), asked.body.toString()]).toEqual([[], 'body']);
  });

  test('need not wait for it', async () => {
    const client = openClient(
      stand.port,
      `${ask('POST /does-not-wait', EXPECTING, 'Content-Length: 4')}body`,
    );
    const text = await client.until('\r\n\r\nok');
    client.socket.destroy();
    expect(text).toMatch(/HTTP\/1.1 200 OK\r\n/);
    expect((await stand.monolith.heard('/does-not-wait')).body.toString()).toBe('body');
  });

  test.each([
    ['a credential that is not good', ['X-API-Key: byn_demo_nobody', 'Content-Length: 4'], 401],
    ['a body that is too large', ['Content-Length: 20000001'], 413],
  ])('hears of %s instead, and legacy hears nothing', async (name, lines, status) => {
    const path = `/refused-${name.replaceAll(' ', '-')}`;
    const client = openClient(stand.port, ask(`POST ${path}`, EXPECTING, ...lines));
    const text = await client.until('\r\n\r\n{');
    client.socket.destroy();
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(text).not.toContain('100 Continue');
    expect(count(path)).toBe(0);
  });

  test('for anything else is refused', async () => {
    const client = openClient(stand.port, ask('POST /expects-gold', 'Expect: gold', 'Content-Length: 0'));
    const text = await client.until('\r\n\r\n{');
    client.socket.destroy();
    expect(text).toMatch(/^HTTP\/1.1 417 /);
    expect(count('/expects-gold')).toBe(0);
  });
});

describe('an answer before the upload has ended', () => {
  const REFUSAL = 'HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig';

  test('arrives, twenty times out of twenty, though legacy closes without reading and the client goes on sending', async () => {
    stand.monolith.on('/big', ({ socket }) => {
      socket.pause();
      socket.end(REFUSAL, () => setTimeout(() => socket.destroy(), 20));
    });
    const seen: unknown[] = [];
    for (let i = 0; i < 20; i += 1) seen.push(await upload('/big', 20_000_000));
    expect(seen).toEqual(seen.map(() => [413, 'big']));
  });

  test('of the gateway itself arrives as well: a body that grows too large in chunks', async () => {
    stand.monolith.on('/grows', () => undefined);
    const [status, body] = await upload('/grows', 25_000_000, 'chunked');
    expect([status, JSON.parse(String(body)).code]).toEqual([413, 'body_too_large']);
    expect((await stand.monolith.heard('/grows')).isWhole()).toBe(false);
  });

  test('may be a good one, and both go on side by side to their ends', async () => {
    stand.monolith.on('/duet', ({ socket, whole }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
      void whole.then(() => socket.write('-last'));
    });
    const client = openClient(stand.port, `${ask('POST /duet', 'Content-Length: 8')}half`);
    await client.until('first');
    client.send('half');
    await client.ended;
    expect(client.text()).toMatch(/\r\nConnection: close\r\n[\s\S]*\r\n\r\nfirst-last$/);
    expect((await stand.monolith.heard('/duet')).body.toString()).toBe('halfhalf');
  });

  test('leaves a client that goes on sending the time to read it: no reset, for a second or two', async () => {
    stand.monolith.on('/patient', ({ socket }) => socket.end(REFUSAL));
    const client = openClient(stand.port, ask('POST /patient', 'Content-Length: 1000000'), 'stubborn');
    const talking = setInterval(() => client.send('x'.repeat(1_000)), 5);
    await client.until('big');
    const state = await Promise.race([client.ended, untilMs(500).then(() => 'open')]);
    clearInterval(talking);
    client.socket.end();
    expect([state, await client.ended]).toEqual(['open', 'closed']);
  });

  test('and ends the connection as soon as the upload has ended', async () => {
    stand.monolith.on('/ends', ({ socket }) => socket.end(REFUSAL));
    const client = openClient(stand.port, `${ask('POST /ends', 'Content-Length: 8')}half`, 'stubborn');
    await client.until('big');
    client.send('half');
    await untilMs(200);
    // Nobody is there any more to take this.
    const talking = setInterval(() => client.send('x'), 20);
    const state = await Promise.race([client.ended, untilMs(1_000).then(() => 'open')]);
    clearInterval(talking);
    expect(state).toBe('reset');
  });
});

/** Sends so many bytes with an ordinary client, and answers what it is answered. */
function upload(
  path: string,
  bytes: number,
  framing: 'length' | 'chunked' = 'length',
): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const headers = framing === 'length' ? { 'content-length': bytes } : {};
    const req = request({ port: stand.port, method: 'POST', path, headers, agent: false }, async (res) => {
      let body = '';
      for await (const chunk of res) body += chunk;
      resolve([res.statusCode, body]);
    });
    req.on('error', (error: NodeJS.ErrnoException) => reject(new Error(`${error.code} before an answer`)));
    const piece = Buffer.alloc(64 * 1024);
    let left = bytes;
    const pump = () => {
      while (left > 0 && !req.destroyed) {
        const next = piece.subarray(0, Math.min(left, piece.length));
        left -= next.length;
        if (!req.write(next)) return void req.once('drain', pump);
      }
      req.end();
    };
    pump();
  });
}
