import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openClient, openStand, type Stand } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n';
const old = (path: string, ...lines: string[]) => [`GET ${path} HTTP/1.0`, ...lines, '', ''].join('\r\n');

test('an answer without a length ends with the connection, and is not chunked', async () => {
  stand.monolith.on('/chunked', ({ socket }) => socket.write(CHUNKED));
  const client = openClient(stand.port, old('/chunked', 'Host: a.example'));
  expect(await client.ended).toBe('closed');
  expect(client.text()).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\nbody$/);
  expect(client.text()).not.toMatch(/transfer-encoding|keep-alive/i);
});

test('so it does where the client wants to keep the connection', async () => {
  stand.monolith.on('/chunked-kept', ({ socket }) => socket.write(CHUNKED));
  const client = openClient(stand.port, old('/chunked-kept', 'Host: a.example', 'Connection: keep-alive'));
  expect(await client.ended).toBe('closed');
  expect(client.text()).toMatch(/\r\nConnection: close\r\n\r\nbody$/);
});

test('a connection that is to be kept is kept where the answer has a length', async () => {
  const client = openClient(stand.port, old('/first', 'Host: a.example', 'Connection: keep-alive'));
  await client.until('\r\n\r\nok');
  client.send(old('/second', 'Host: a.example'));
  expect(await client.ended).toBe('closed');
  expect(client.text().match(/\r\n\r\nok/g)).toHaveLength(2);
  expect(client.text()).toMatch(/\r\nConnection: keep-alive\r\n/);
});

test('legacy is asked in HTTP/1.1, with its own name as Host where the client sends none', async () => {
  const client = openClient(stand.port, old('/no-host'));
  await client.ended;
  const { head } = await stand.monolith.heard('/no-host');
  expect(head).toMatch(/^GET \/no-host HTTP\/1.1\r\n/);
  expect(head).toContain(`host: 127.0.0.1:${stand.monolith.port}\r\n`);
});

test('an upload with a length arrives; no interim answer is sent, whatever the client expects', async () => {
  const client = openClient(
    stand.port,
    'POST /upload HTTP/1.0\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody',
  );
  await client.ended;
  expect(client.text()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  expect((await stand.monolith.heard('/upload')).body.toString()).toBe('body');
});
