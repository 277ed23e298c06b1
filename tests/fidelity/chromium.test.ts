// A page that legacy serves through the gateway, in a real browser: cookies, a form, fetch, an EventSource, a WebSocket.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { type WebSocket, WebSocketServer } from 'ws';
import { openBrowser } from '../browser/browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { untilMs, writeTable } from './stand.ts';

const PAGE = `<!doctype html><html lang="en"><title>The monolith</title><link rel="stylesheet" href="/style.css">
<form method="post" action="/note"><input name="text" aria-label="Note"><button>Save</button></form>
<ol id="events"></ol><ol id="words"></ol>
<script>
  const add = (list, text) => document.getElementById(list).append(Object.assign(document.createElement('li'), { textContent: text }));
  const events = new EventSource('/events');
  events.addEventListener('count', (event) => add('events', event.lastEventId + ':' + event.data));
  const socket = new WebSocket('ws://' + location.host + '/ws', ['chat.v2', 'chat.v1']);
  socket.onopen = () => socket.send('hello');
  socket.onmessage = (event) => add('words', socket.protocol + ':' + event.data);
  socket.onclose = (event) => add('words', 'closed ' + event.code + ' ' + event.reason + ' ' + event.wasClean);
</script></html>`;

const notes: string[] = [];
const handshakes: IncomingMessage[] = [];
let monolith: Server;
let house: TestHouse;
let browser: Browser;
let page: Page;
let troubles: string[] = [];

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.url === '/events') return countOn(req, res);
  if (req.url === '/note' && req.method === 'POST') {
    let body = '';
    for await (const chunk of req) body += chunk;
    notes.push(`${req.headers.cookie} ${body}`);
    res
      .writeHead(302, {
        Location: '/',
        'Set-Cookie': ['flash=saved; Path=/', 'sessionid=; Max-Age=0; Path=/'],
      })
      .end();
    return;
  }
  if (req.url === '/style.css') {
    res.writeHead(200, { 'Content-Type': 'text/css', ETag: '"s1"', 'Cache-Control': 'no-cache' });
    return void res.end('body { color: rgb(1, 2, 3) }');
  }
  if (req.url === '/echo') return void req.pipe(res);
  const packed = gzipSync(PAGE);
  res.writeHead(200, [
    'Content-Type',
    'text/html; charset=utf-8',
    'Content-Encoding',
    'gzip',
    'Content-Security-Policy',
    "default-src 'self' 'unsafe-inline' ws:",
    'Set-Cookie',
    'theme=dark; Path=/',
    'Set-Cookie',
    'csrftoken=abc; Path=/; SameSite=Lax',
    'Content-Length',
    String(packed.length),
  ]);
  res.end(packed);
}

/** Three events, then the end: the browser comes back by itself and says where it was. */
async function countOn(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const from = Number(req.headers['last-event-id'] ?? 0);
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  res.write('retry: 50\n\n');
  for (let i = from + 1; i <= from + 3; i += 1) {
    res.write(`id: ${i}\nevent: count\ndata: ${i * i}\n\n`);
    await untilMs(10);
  }
  res.end();
}

function converse(socket: WebSocket): void {
  socket.on('message', (data) => {
    socket.send(`you said ${data}`);
    socket.close(4100, 'that was all');
  });
}

beforeAll(async () => {
  monolith = createServer((req, res) => void answer(req, res));
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][1] ?? false,
  });
  monolith.on('upgrade', (req, socket, head) => {
    handshakes.push(req);
    sockets.handleUpgrade(req, socket, head, converse);
  });
  await new Promise<void>((resolve) => monolith.listen(0, '127.0.0.1', resolve));
  const legacyUrl = `http://127.0.0.1:${(monolith.address() as AddressInfo).port}`;
  [house, browser] = await Promise.all([
    startHouse({ tenants: 1, legacyUrl, table: writeTable(10_000) }),
    openBrowser(),
  ]);
}, 60_000);
beforeEach(async () => {
  page = await browser.newPage();
  page.setDefaultTimeout(8_000);
  troubles = [];
  page.on('pageerror', (error) => troubles.push(String(error)));
  await page.goto(`http://acme.localhost:${house.gatewayPort}/`);
});
afterEach(async () => {
  await page.close();
  expect(troubles).toEqual([]);
});
afterAll(async () => {
  await browser?.close();
  await house?.close();
  monolith.close();
  monolith.closeAllConnections();
});

test('the page is unpacked, its policy is kept, its style is applied', async () => {
  expect(await page.title()).toBe('The monolith');
  expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(1, 2, 3)');
});

test('cookies are set line by line, a form is posted with them, and its redirect is followed', async () => {
  await page.getByLabel('Note').fill('müsli & more');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL('**/');
  await page.locator('#words li').first().waitFor();
  expect(await page.evaluate('document.cookie')).toContain('flash=saved');
  expect(notes.at(-1)).toBe('theme=dark; csrftoken=abc text=m%C3%BCsli+%26+more');
  expect(page.url()).toBe(`http://acme.localhost:${house.gatewayPort}/`);
});

test('an EventSource hears its events in order, comes back after the end, and goes on where it was', async () => {
  await page.locator('#events li').nth(5).waitFor();
  const events = await page.locator('#events li').allTextContents();
  expect(events.slice(0, 6)).toEqual(['1:1', '2:4', '3:9', '4:16', '5:25', '6:36']);
});

test('a WebSocket agrees on a subprotocol, talks, and is closed with legacy’s code and reason', async () => {
  await page.locator('#words li').nth(1).waitFor();
  expect(await page.locator('#words li').allTextContents()).toEqual([
    'chat.v1:you said hello',
    'closed 4100 that was all true',
  ]);
  expect(handshakes.at(-1)?.headers).toMatchObject({
    host: `acme.localhost:${house.gatewayPort}`,
    origin: `http://acme.localhost:${house.gatewayPort}`,
    cookie: expect.stringContaining('theme=dark'),
    'sec-websocket-extensions': expect.stringContaining('permessage-deflate'),
  });
});

test('fetch sends and gets three megabytes back', async () => {
  const length = await page.evaluate(
    "fetch('/echo', { method: 'POST', body: new Uint8Array(3_000_000).fill(7) }).then((r) => r.arrayBuffer()).then((b) => new Uint8Array(b).filter((x) => x === 7).length)",
  );
  expect(length).toBe(3_000_000);
});

test('a fetch that is given up ends at legacy, too', async () => {
  const gone = new Promise<void>((resolve) => {
    monolith.prependOnceListener('request', (_req, res) => res.once('close', resolve));
  });
  await page.evaluate(
    "(() => { const stop = new AbortController(); fetch('/events', { signal: stop.signal }).catch(() => 0); setTimeout(() => stop.abort(), 20); })()",
  );
  await gone;
});
