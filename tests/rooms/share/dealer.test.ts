import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { openDealer } from '../../../src/share/dealer.ts';

const listen = (server: Server) =>
  new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

/** Takes connections and confirms them, or none. */
function openTaker(kind: 'awake' | 'asleep') {
  const taken: Socket[] = [];
  return {
    taken,
    waiting: () => (kind === 'asleep' ? taken.length : 0),
    give: (socket: Socket) => void taken.push(socket),
  };
}

async function connectOften(port: number, times: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < times; i += 1)
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', resolve);
      socket.on('error', () => undefined);
      sockets.push(socket);
    });
  await new Promise((resolve) => setTimeout(resolve, 20));
  return sockets;
}

test('connections are dealt in turn, and unread', async () => {
  const takers = [openTaker('awake'), openTaker('awake')];
  const dealer = await openDealer({ listen, takers: () => takers });
  const clients = await connectOften(dealer.port, 10);
  for (const client of clients) client.write('GET / HTTP/1.1\r\n');
  expect(takers.map(({ taken }) => taken.length)).toEqual([5, 5]);
  expect(takers.flatMap(({ taken }) => taken.map(({ bytesRead }) => bytesRead))).toEqual(Array(10).fill(0));
  for (const socket of [...clients, ...takers.flatMap(({ taken }) => taken)]) socket.destroy();
  await dealer.close();
});

test('a taker that confirms nothing is dealt no more than it can have in its hands', async () => {
  const [asleep, awake] = [openTaker('asleep'), openTaker('awake')];
  const dealer = await openDealer({ listen, takers: () => [asleep, awake] });
  const clients = await connectOften(dealer.port, 200);
  expect(asleep.taken.length).toBeLessThanOrEqual(64);
  expect(asleep.taken.length + awake.taken.length).toBe(200);
  for (const socket of [...clients, ...asleep.taken, ...awake.taken]) socket.destroy();
  await dealer.close();
});

test('where nobody takes connections they are closed at once, and none hangs', async () => {
  const dealer = await openDealer({ listen, takers: () => [] });
  const closed = new Promise((resolve) => connect(dealer.port, '127.0.0.1').once('close', resolve).resume());
  await closed;
  await dealer.close();
});
