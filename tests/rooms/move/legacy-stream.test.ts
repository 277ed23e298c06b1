import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { LegacyStream } from '../../../src/move/legacy-stream.ts';
import type { Position } from '../../../src/vocabulary/index.ts';

// Messages of the protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html
const say = (kind: string, body: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(kind), length, body]);
};
const WELCOME = Buffer.concat([say('R', Buffer.alloc(4)), say('Z', Buffer.from('I'))]);
const FAREWELL = say(
  'E',
  Buffer.from('SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'),
);

test('a connection that is ended in the very packet that made it rejects; the process goes on', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([WELCOME, FAREWELL])));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stream = new LegacyStream({
    legacyUrl: `postgres://u@127.0.0.1:${port}/d`,
    slot: 'banyan',
    onHeard: () => undefined,
    onKeepalive: () => undefined,
    take: () => Promise.resolve(),
  });
  await expect(stream.read(1n as Position, () => undefined)).rejects.toMatchObject({ code: '57P01' });
  server.close();
  await once(server, 'close');
});
