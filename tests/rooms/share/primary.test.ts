import { fork } from 'node:child_process';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { openPrimary, type Primary } from '../../../src/share/index.ts';
import type { BanyanEvent } from '../../../src/vocabulary/index.ts';
import { until } from '../../support/house.ts';

const WORKERS = 2;
const CLIENTS = 40;

const events: BanyanEvent[] = [];
const clients: Client[] = [];
let primary: Primary | undefined;
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await primary?.drain('test', 0);
  primary = undefined;
  events.splice(0);
});

type Client = { readonly socket: Socket; answer: string; isClosed: boolean };

const readWorker = (state: string) =>
  events.flatMap((event) => (event.type === 'worker_changed' && event.state === state ? [event] : []));
const readPids = () => readWorker('serving').map(({ detail }) => Number(detail.replace('process ', '')));

async function open(): Promise<Primary> {
  primary = await openPrimary({
    workers: WORKERS,
    start: () =>
      fork(fileURLToPath(new URL('./echo-worker.ts', import.meta.url)), [], {
        serialization: 'advanced',
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        execArgv: ['--disable-warning=ExperimentalWarning'],
      }),
    wish: {},
    listen: (server: Server) =>
      new Promise((resolve) => {
        server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
      }),
    emit: (event) => events.push(event),
    relayed: [],
    onEvent: () => undefined,
    onGone: () => undefined,
  });
  return primary;
}

/** Connects and says something at once. */
function call(port: number): Client {
  const client: Client = { socket: connect(port, '127.0.0.1'), answer: '', isClosed: false };
  client.socket.on('error', () => undefined);
  client.socket.on('data', (text) => {
    client.answer += text;
  });
  client.socket.on('close', () => {
    client.isClosed = true;
  });
  client.socket.write('hello\n');
  clients.push(client);
  return client;
}

const countAnswered = () => clients.filter(({ answer }) => answer !== '').length;

test('what a worker has not taken when it dies is answered by another, and only what it had is lost', async () => {
  const { port } = await open();
  const [victim = 0] = readPids();
  for (let i = 0; i < CLIENTS / 2; i += 1) call(port);
  await until(() => countAnswered() === CLIENTS / 2, 'the first clients to be answered');
  const had = clients.filter(({ answer }) => answer === `${victim}\n`);
  process.kill(victim, 'SIGSTOP');
  for (let i = 0; i < CLIENTS / 2; i += 1) call(port);
  await until(() => countAnswered() === CLIENTS * 0.75, 'the other worker to answer its half');
  process.kill(victim, 'SIGKILL');
  await until(() => countAnswered() === CLIENTS, 'everybody to be answered');
  await until(() => had.every(({ isClosed }) => isClosed), 'the dead worker’s connections to close');
  expect(clients.filter(({ isClosed }) => isClosed)).toEqual(had);
  await until(() => readPids().length === WORKERS + 1, 'another worker');
  expect(readWorker('starting')).toHaveLength(WORKERS + 1);
});

test('draining does not wait for clients that stay connected', async () => {
  const { port, drain } = await open();
  for (let i = 0; i < CLIENTS; i += 1) call(port);
  await until(() => countAnswered() === CLIENTS, 'everybody to be answered');
  const beganMs = performance.now();
  expect(await drain('test', 5_000)).toBe(0);
  expect(performance.now() - beganMs).toBeLessThan(3_000);
  primary = undefined;
});
