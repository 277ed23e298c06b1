import { createServer, type Server } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { sendRaw } from '../../support/raw-http.ts';
import { type Door, openDoor } from './door.ts';
import { CERTIFICATE, KEY } from './secret-legacy.ts';

const BODY = 'x'.repeat(300_000);
const names: (string | false | null)[] = [];
let legacy: Server;
let door: Door;

beforeAll(async () => {
  setDefaultCACertificates([...getCACertificates('default'), CERTIFICATE]);
  legacy = createServer({ key: KEY, cert: CERTIFICATE }, async (req, res) => {
    names.push((req.socket as unknown as { servername: string | false | null }).servername);
    let bytes = 0;
    for await (const chunk of req) bytes += chunk.length;
    res.end(req.url === '/large' ? BODY : `${req.method} ${bytes}`);
  });
  await new Promise<void>((resolve) => legacy.listen(0, '127.0.0.1', resolve));
  const { port } = legacy.address() as { port: number };
  door = await openDoor(`https://127.0.0.1:${port}`, { host: 'acme.legacy.example:443' });
});
afterEach(() => void names.splice(0));
afterAll(async () => {
  await door.close();
  legacy.closeAllConnections();
  legacy.close();
});

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n`;

test('legacy is asked by TLS, under the name that the client asked for, and its answers arrive whole', async () => {
  expect((await sendRaw(door.port, GET('/'))).text).toMatch(/\r\n\r\nGET 0$/);
  const large = await sendRaw(door.port, GET('/large'));
  expect(large.text.split('\r\n\r\n')[1]).toBe(BODY);
  expect(names).toEqual(['acme.legacy.example', 'acme.legacy.example']);
});

test('an upload arrives whole', async () => {
  const upload = `POST / HTTP/1.1\r\nHost: y\r\nConnection: close\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
  expect((await sendRaw(door.port, upload)).text).toMatch(/\r\n\r\nPOST 300000$/);
});

test('a legacy that cannot prove its name is not asked', async () => {
  const { port } = legacy.address() as { port: number };
  const other = await openDoor(`https://127.0.0.1:${port}`, { host: 'acme.example' });
  expect((await sendRaw(other.port, GET('/'))).text).toMatch(/^HTTP\/1.1 503 /);
  await other.close();
  expect(names).toEqual([]);
});

test('a connection is used again only for the name that it was made for', async () => {
  const { port } = legacy.address() as { port: number };
  const hosts = ['a.legacy.example', 'b.legacy.example', 'a.legacy.example'];
  const one = await openDoor(`https://127.0.0.1:${port}`, {
    host: () => hosts.shift() ?? '',
    connections: 1,
  });
  for (let i = 0; i < 3; i += 1) await sendRaw(one.port, GET('/'));
  await one.close();
  expect(names).toEqual(['a.legacy.example', 'b.legacy.example', 'a.legacy.example']);
});
