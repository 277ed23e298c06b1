import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ask, openClient, openStand, type Stand, untilMs } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

const count = (path: string) => stand.monolith.asked.filter(({ target }) => target === path).length;
const answer = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

test('answers come in the order of the questions, however long each takes', async () => {
  stand.monolith.on('/slow', async ({ socket }) => {
    await untilMs(100);
    socket.write(answer('<slow>'));
  });
  stand.monolith.on('/fast', ({ socket }) => socket.write(answer('<fast>')));
  stand.monolith.on('/last', ({ socket }) => socket.write(answer('<last>')));
  const client = openClient(
    stand.port,
    ask('GET /slow') + ask('GET /fast') + ask('GET /last', 'Connection: close'),
  );
  await client.ended;
  expect(client.text().match(/<\w+>/g)).toEqual(['<slow>', '<fast>', '<last>']);
});

test('fifty at once, with bodies among them, arrive one by one and whole', async () => {
  const questions = Array.from({ length: 50 }, (_, i) =>
    i % 2 === 0
      ? ask(`GET /many?${i}`)
      : `${ask(`POST /many?${i}`, 'Content-Length: 6')}body${String(i).padStart(2, '0')}`,
  );
  stand.monolith.on('/many', async ({ socket, target, whole }) => {
    await whole;
    socket.write(answer(`<${target}>`));
  });
  const client = openClient(stand.port, questions.join('') + ask('GET /many?end', 'Connection: close'));
  await client.ended;
  expect(client.text().match(/<[^>]+>/g)).toEqual([
    ...questions.map((_, i) => `</many?${i}>`),
    '</many?end>',
  ]);
  const bodies = stand.monolith.asked
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => String(body));
  expect(bodies).toEqual(Array.from({ length: 25 }, (_, i) => `body${String(i * 2 + 1).padStart(2, '0')}`));
});

test('a request is carried out only when the one before it has been answered', async () => {
  stand.monolith.on('/write', async ({ socket }) => {
    await untilMs(100);
    socket.write(answer('<written>'));
  });
  const client = openClient(
    stand.port,
    ask('POST /write', 'Content-Length: 0') + ask('GET /read-back', 'Connection: close'),
  );
  await stand.monolith.heard('/write');
  await untilMs(50);
  expect(count('/read-back')).toBe(0);
  await client.ended;
  expect(count('/read-back')).toBe(1);
});

test('what stands behind a request that asked for the end of the connection is not carried out', async () => {
  const client = openClient(
    stand.port,
    ask('GET /the-last', 'Connection: close') + ask('POST /too-late', 'Content-Length: 0'),
  );
  await client.ended;
  await untilMs(50);
  expect(client.text()).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
  expect(count('/too-late')).toBe(0);
});

test('what stands behind an answer that is cut is not carried out', async () => {
  stand.monolith.on('/cut', ({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', () =>
      setTimeout(() => socket.destroy(), 20),
    ),
  );
  const client = openClient(stand.port, ask('GET /cut') + ask('POST /behind-the-cut', 'Content-Length: 0'));
  await client.ended;
  await untilMs(50);
  expect(count('/behind-the-cut')).toBe(0);
});

test('an upgrade behind a request that is not answered yet is refused when that has been answered', async () => {
  stand.monolith.on('/pending', async ({ socket }) => {
    await untilMs(100);
    socket.write(answer('<pending>'));
  });
  const client = openClient(
    stand.port,
    ask('GET /pending') +
      ask(
        'GET /ws-behind',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
      ),
  );
  await client.ended;
  expect(client.text()).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*<pending>HTTP\/1.1 400 [\s\S]*upgrade_refused/);
  expect(count('/ws-behind')).toBe(0);
});
