// The chat's sockets by either side: what legacy does through the tunnel, the new side does in this process.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse({ tenants: 1 });
});
afterAll(() => house.close());

type Frame = Readonly<{ type: string; detail?: string; message?: Readonly<{ body: string }> }>;

/** A socket of the chat whose welcome has come. */
async function enter(channel = '1') {
  const socket = new WebSocket(`ws://127.0.0.1:${house.gatewayPort}/ws/chat/${channel}/`, {
    headers: { authorization: 'Bearer byn_demo_acme' },
    perMessageDeflate: false,
  });
  const inbox: Frame[] = [];
  let servedBy: unknown;
  socket.on('upgrade', (res) => {
    servedBy = res.headers['x-served-by'];
  });
  socket.on('message', (data) => inbox.push(JSON.parse(String(data)) as Frame));
  const closed = new Promise<[number, string]>((resolve) =>
    socket.once('close', (code, reason) => resolve([code, String(reason)])),
  );
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const next = async () => {
    const beganMs = performance.now();
    while (inbox.length === 0) {
      if (performance.now() - beganMs > 5_000) throw new Error('no frame came');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return inbox.shift() as Frame;
  };
  return { socket, next, closed, servedBy: () => servedBy };
}

const post = (body: string) => JSON.stringify({ type: 'message', body });

describe.each(['legacy', 'new'] as const)('on the %s side', (side) => {
  beforeAll(() => house.useTable(tableAt(side)));

  test.each([
    [1000, 'done'],
    [1001, ''],
    [3001, 'mine'],
    [4999, 'gründlich'],
  ])('a close with %i and %j is answered with the same', async (code, reason) => {
    const { socket, next, closed, servedBy } = await enter();
    await next();
    expect(servedBy()).toBe(side);
    socket.close(code, reason);
    expect((await closed)[0]).toBe(code);
  });

  test('a channel that is not there closes with 4404', async () => {
    const { closed } = await enter('999999');
    expect(await closed).toEqual([4404, '']);
  });

  test('a ping is answered with what it carried', async () => {
    const { socket, next } = await enter();
    await next();
    const pong = new Promise<Buffer>((resolve) => socket.once('pong', resolve));
    socket.ping('a\0b'.repeat(40));
    expect(String(await pong)).toBe('a\0b'.repeat(40));
    socket.terminate();
  });

  test('a message in fragments with a ping between them is one message', async () => {
    const { socket, next } = await enter();
    await next();
    const pong = new Promise<Buffer>((resolve) => socket.once('pong', resolve));
    const text = post('in three pieces ✓');
    socket.send(text.slice(0, 10), { fin: false });
    socket.ping('between');
    socket.send(text.slice(10, 20), { fin: false });
    socket.send(text.slice(20), { fin: true });
    expect(String(await pong)).toBe('between');
    expect(await next()).toMatchObject({ type: 'message', message: { body: 'in three pieces ✓' } });
    socket.terminate();
  });

  // Legacy ends the connection on what it has not read, which may overtake its goodbye where more is under way.
  test.each([side === 'new' ? 16 * 1024 * 1024 : 80 * 1024])(
    'a message of %i bytes is more than the chat takes: 1009',
    async (size) => {
      const { socket, next, closed } = await enter();
      await next();
      socket.on('error', () => undefined);
      socket.send(randomBytes(size).toString('latin1'));
      expect((await closed)[0]).toBe(1009);
    },
  );

  test('bytes that are no text, and frames that break the protocol, are told so', async () => {
    const { socket, next } = await enter();
    await next();
    socket.send(Buffer.from([1, 2, 3]));
    expect(await next()).toEqual({ type: 'error', detail: 'Expected a JSON object.' });
    const broken = await enter();
    await broken.next();
    // A reserved bit is set.
    (broken.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(
      Buffer.from([0xf1, 0x80, 1, 2, 3, 4]),
    );
    expect((await broken.closed)[0]).toBe(1002);
    socket.terminate();
  });

  test('two hundred messages at once are taken one after the other, and come back in order', async () => {
    const { socket, next } = await enter();
    await next();
    for (let i = 0; i < 200; i += 1) socket.send(post(`number ${i}`));
    const seen: unknown[] = [];
    for (let i = 0; i < 200; i += 1) seen.push((await next()).message?.body);
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => `number ${i}`));
    socket.terminate();
  });

  test('an end without a goodbye leaves the others alone', async () => {
    const [leaving, staying] = [await enter(), await enter()];
    await leaving.next();
    await staying.next();
    leaving.socket.terminate();
    staying.socket.send(post('still here'));
    expect(await staying.next()).toMatchObject({ message: { body: 'still here' } });
    staying.socket.terminate();
  });
});
