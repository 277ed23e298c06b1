import { connect, createServer, type Socket } from 'node:net';

/**
 * Stands between the gateway and the legacy stub and keeps every byte that goes up. A request that carries `X-Relay-Says` gets the bytes
 * in it (base64) for its answer, and the stub never hears of it.
 */
export type RecordingRelay = Readonly<{
  url: string;
  /** Where requests go on to; set once the stub has a port. */
  leadTo(port: number): void;
  /** How many requests have come, the gateway's own looks at legacy's health not counted. */
  count(): number;
  /** The header lines of the one request with this target, request line first. */
  linesOf(target: string): readonly string[];
  /** Everything that went up, as latin1. */
  text(): string;
  close(): Promise<void>;
}>;

const REQUEST_LINE = /^[A-Z]+ \S+ HTTP\/1\.[01]\r$/gm;
const HEALTH_LINE = 'HEAD / HTTP/1.1\r';

export async function openRecordingRelay(): Promise<RecordingRelay> {
  const passages: { text: string }[] = [];
  const sockets = new Set<Socket>();
  let stubPort = 0;
  const server = createServer((down) => {
    const passage = { text: '' };
    passages.push(passage);
    sockets.add(down);
    down.on('close', () => sockets.delete(down));
    const up = connect(stubPort, '127.0.0.1');
    for (const [socket, other] of [
      [down, up],
      [up, down],
    ] as const) {
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
    up.on('data', (chunk) => down.write(chunk));
    down.on('data', (chunk) => {
      const piece = chunk.toString('latin1');
      passage.text += piece;
      const said = /^x-relay-says: (\S+)\r$/im.exec(piece)?.[1];
      if (said === undefined) up.write(chunk);
      else down.end(Buffer.from(said, 'base64'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const text = () => passages.map((passage) => passage.text).join('\n');
  return {
    url: `http://127.0.0.1:${port}`,
    leadTo: (given) => {
      stubPort = given;
    },
    count: () => [...text().matchAll(REQUEST_LINE)].filter(([line]) => line !== HEALTH_LINE).length,
    linesOf: (target) => {
      const heads = text()
        .split(/\r\n\r\n|(?=^[A-Z]+ \S+ HTTP\/1\.[01]\r$)/m)
        .map((head) => head.split('\r\n'))
        .filter(([first]) => first?.split(' ')[1] === target);
      if (heads.length !== 1) throw new Error(`${heads.length} requests for ${target} went up`);
      return heads[0] ?? [];
    },
    text,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** The header by which a request says what legacy is to answer. */
export const relaySays = (answer: string) =>
  `X-Relay-Says: ${Buffer.from(answer, 'latin1').toString('base64')}`;
