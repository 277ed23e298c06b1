// The upstream in Node: raw sockets and answers that were written beforehand. Started as `node main.ts PORT`.
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { MessageReader } from '../load/message-reader.ts';
import { BODY_BYTES, FIRST_EVENT, makeJson, PLACES, UP_ANSWER } from './canned.ts';
import { openEcho } from './echo.ts';

// RFC 6455 section 1.3.
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function makeAnswer(body: string | Buffer, type: string): Buffer {
  const bytes = Buffer.from(body);
  const head = `HTTP/1.1 200 OK\r\nServer: upstream\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

const JSON_TYPE = 'application/json';
const SMALL = makeAnswer(makeJson(BODY_BYTES.small), JSON_TYPE);
const ANSWERS: readonly (readonly [place: string, answer: Buffer])[] = [
  [PLACES.large, makeAnswer(makeJson(BODY_BYTES.large), JSON_TYPE)],
  [PLACES.down, makeAnswer(Buffer.alloc(BODY_BYTES.huge, 'x'), 'application/octet-stream')],
  [PLACES.up, makeAnswer(UP_ANSWER, JSON_TYPE)],
  [PLACES.events, makeEventStream()],
];

function makeEventStream(): Buffer {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
  return Buffer.from(`${head}${FIRST_EVENT.length.toString(16)}\r\n${FIRST_EVENT}\r\n`);
}

function serve(socket: Socket, path: string, head: string): ((chunk: Buffer) => void) | undefined {
  if (path.startsWith(PLACES.socket)) return joinSocket(socket, head);
  socket.write(ANSWERS.find(([place]) => path.startsWith(place))?.[1] ?? SMALL);
  return undefined;
}

function joinSocket(socket: Socket, head: string): (chunk: Buffer) => void {
  const key = /\r\nsec-websocket-key: *(\S+)/i.exec(head)?.[1] ?? '';
  const accept = createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  return openEcho((frame) => socket.write(frame));
}

/** Answers when a request is whole: an upload is taken to its end first. */
function openConversation(send: () => Socket): (chunk: Buffer) => void {
  let head = '';
  let listen: ((chunk: Buffer) => void) | undefined;
  const reader = new MessageReader({
    of: 'requests',
    began: (text) => {
      head = text;
    },
    ended: () => {
      listen = serve(send(), head.split(' ', 2)[1] ?? '/', head);
    },
  });
  return (chunk) => (listen ? listen(chunk) : reader.feed(chunk));
}

const server = createServer({ noDelay: true }, (socket) => {
  const hear = openConversation(() => socket);
  socket.on('data', hear);
  socket.on('error', () => undefined);
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 8_192 });
