import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, askOnce, openClient, openStand, type Stand, untilMs } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

describe('interim answers', () => {
  test('those of legacy (102, 103) are not passed on; the final answer is, on a connection that stays', async () => {
    stand.monolith.on('/hints', async ({ socket }) => {
      socket.write('HTTP/1.1 102 Processing\r\n\r\n');
      await untilMs(20);
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\r\n');
      await untilMs(20);
      socket.write('HTTP/1.1 200 OK\r\nLink: </a.css>; rel=preload; as=style\r\nContent-Length: 2\r\n\r\nok');
    });
    const client = openClient(stand.port, ask('GET /hints'));
    const text = await client.until('ok');
    client.send(ask('GET /after', 'Connection: close'));
    await client.ended;
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\nLink: <\/a.css>; rel=preload; as=style\r\n/);
    expect(client.text().match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
  });
});

describe('trailers', () => {
  test('those of an answer end here, with their announcement; the body is whole', async () => {
    stand.monolith.on('/trailers', ({ socket }) =>
      socket.write(
        'HTTP/1.1 200 OK\r\nTrailer: X-Sum, Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 1\r\nSet-Cookie: late=1\r\n\r\n',
      ),
    );
    const text = await askOnce(stand.port, 'GET /trailers', 'TE: trailers');
    expect(text).toMatch(/\r\n\r\n4\r\nbody\r\n0\r\n\r\n$/);
    expect(text).not.toMatch(/x-sum|late|trailer/i);
  });

  test('those of a request end here, with their announcement; the body is whole', async () => {
    const client = openClient(
      stand.port,
      `${ask('POST /sums', 'Trailer: X-Sum', 'Transfer-Encoding: chunked')}4\r\nbody\r\n0\r\nX-Sum: 1\r\nX-Tenant-Id: globex\r\n\r\n`,
    );
    await client.until('\r\n\r\nok');
    client.socket.destroy();
    const asked = await stand.monolith.heard('/sums');
    await asked.whole;
    expect(asked.body.toString()).toBe('4\r\nbody\r\n0\r\n\r\n');
    expect(asked.head).not.toMatch(/trailer|x-sum|globex/i);
  });
});
