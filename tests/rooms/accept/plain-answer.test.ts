import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Listener, openListener } from '../../../src/accept/index.ts';
import type { OutgoingAnswer } from '../../../src/vocabulary/index.ts';

// Whoever answers does not know which of the two it speaks through, and no client can tell.

type Script = (res: OutgoingAnswer) => void | Promise<void>;

const KEEP_ALIVE_MS = 75_000;

let ours: Listener;
let nodes: Server;
/** What is answered to the request under way, and told when that answer has left. */
let script: Script;
let left: () => void;
let failed: (error: unknown) => void;
let took: string[];

beforeAll(async () => {
  const answer = async (kind: string, res: OutgoingAnswer) => {
    took.push(kind);
    res.once('close', left);
    try {
      await script(res);
    } catch (error) {
      failed(error);
    }
  };
  ours = await openListener(
    { from: { host: '127.0.0.1', port: 0, setting: 'PORT' }, maxConnections: 100 },
    {
      request: async (_req, res) => void res.end('the last'),
      plain: (_req, res) => answer('plain', res),
    },
  );
  nodes = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
    if (req.url === '/last') res.end('the last');
    else void answer('node', res);
  });
  await new Promise<void>((resolve) => nodes.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await ours.drain(0);
  nodes.closeAllConnections();
  await new Promise((resolve) => nodes.close(resolve));
});

const LAST = 'GET /last HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n';

/** All that comes back on one connection, where one request follows if the connection stays for it. */
async function hear(port: number, method: string): Promise<string> {
  took = [];
  const hasLeft = new Promise<void>((resolve, reject) => {
    left = resolve;
    failed = reject;
  });
  const pieces: Buffer[] = [];
  const socket = connect(port, '127.0.0.1', () => socket.write(`${method} / HTTP/1.1\r\nHost: y\r\n\r\n`));
  // What does not come at all is a difference, too.
  socket.setTimeout(2_000, () => {
    pieces.push(Buffer.from('(silence)'));
    socket.destroy();
    left();
  });
  const closed = new Promise<void>((resolve, reject) => {
    socket.once('close', () => resolve()).once('error', reject);
  });
  const headCame = new Promise<void>((resolve) => {
    void closed.then(resolve, resolve);
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      if (Buffer.concat(pieces).includes('\r\n\r\n')) resolve();
    });
  });
  await Promise.all([headCame, hasLeft]);
  const [head = ''] = Buffer.concat(pieces).toString('latin1').split('\r\n\r\n');
  if (!/^connection: .*close/im.test(head)) socket.write(LAST);
  await closed;
  return Buffer.concat(pieces)
    .toString('latin1')
    .replaceAll(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/gm, 'Date: now');
}

async function expectTheSame(answer: Script, method = 'GET'): Promise<string> {
  script = answer;
  const said = await hear(Number(new URL(ours.url).port), method);
  expect(took).toEqual(['plain']);
  const node = await hear((nodes.address() as AddressInfo).port, method);
  expect(took).toEqual(['node']);
  // Two large texts that differ are no help to a reader.
  const at = [...said].findIndex((sign, i) => sign !== node[i]);
  expect(said.slice(Math.max(0, at - 200), at + 200)).toBe(node.slice(Math.max(0, at - 200), at + 200));
  expect(said === node).toBe(true);
  return said;
}

const FIVE = ['Content-Type', 'text/plain', 'Content-Length', '5'];
const NO_LENGTH = ['Content-Type', 'text/plain'];

describe('the bytes of an answer are those of Node’s server', () => {
  test.each<[string, Script]>([
    [
      'with a length, in one piece',
      (res) => {
        res.writeHead(200, 'OK', FIVE);
        res.end('hello', 'latin1');
      },
    ],
    [
      'with a length, in several pieces',
      (res) => {
        res.writeHead(200, 'OK', FIVE);
        res.write(Buffer.from('he'));
        res.write('ll', 'latin1');
        res.end('o', 'latin1');
      },
    ],
    [
      'with a length of nothing',
      (res) => {
        res.writeHead(200, 'OK', ['Content-Length', '0']);
        res.end();
      },
    ],
    [
      'in chunks of text and of bytes',
      (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.write('first, ', 'latin1');
        res.write(Buffer.from('second, '));
        res.write(Buffer.alloc(300, 'x'));
        res.end();
      },
    ],
    [
      'in chunks over some time',
      async (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        for (const text of ['one', 'two', 'three']) {
          res.write(text, 'latin1');
          await new Promise(setImmediate);
        }
        res.end();
      },
    ],
    [
      'in one chunk that is its end',
      (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.end('hello', 'latin1');
      },
    ],
    [
      'in chunks, the last of them its end',
      (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.write(Buffer.from('hello '));
        res.end('world', 'latin1');
      },
    ],
    [
      'without a length and without a body',
      (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.end();
      },
    ],
    [
      'with pieces of nothing',
      (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.write('', 'latin1');
        res.write(Buffer.alloc(0));
        res.write(Buffer.from('x'));
        res.write(Buffer.alloc(0));
        res.end('', 'latin1');
      },
    ],
    [
      'with text that is no ASCII',
      (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.write('\xe9\xff\x80', 'latin1');
        res.end('größer als ☃', 'utf8');
      },
    ],
    [
      'with a head that leaves first',
      async (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.flushHeaders();
        res.flushHeaders();
        await new Promise(setImmediate);
        res.end('hello', 'latin1');
      },
    ],
    [
      'with a head that leaves first, and a length',
      (res) => {
        res.writeHead(200, 'OK', FIVE);
        res.flushHeaders();
        res.write(Buffer.from('hello'));
        res.end();
      },
    ],
    [
      'with names, values and repeats as they are given',
      (res) => {
        const odd = [
          'x-ODD',
          'a\tb',
          'X-Empty',
          '',
          'Set-Cookie',
          'a=1',
          'X-High',
          '\xe9',
          "!#$%&'*+-.^_`|~",
          '1',
        ];
        res.writeHead(200, 'OK', [...odd, 'set-cookie', 'b=2', ...FIVE]);
        res.end('hello', 'latin1');
      },
    ],
    [
      'with a date of its own',
      (res) => {
        res.writeHead(200, 'OK', ['date', 'Tue, 15 Nov 1994 08:12:31 GMT', ...FIVE]);
        res.end('hello', 'latin1');
      },
    ],
    [
      'with a length in small letters',
      (res) => {
        res.writeHead(200, 'OK', ['content-length', '5']);
        res.end('hello', 'latin1');
      },
    ],
    [
      'with another status and other words',
      (res) => {
        res.writeHead(418, 'Short and stout', FIVE);
        res.end('hello', 'latin1');
      },
    ],
    [
      'with a status that nobody knows, and no words',
      (res) => {
        res.writeHead(799, '', FIVE);
        res.end('hello', 'latin1');
      },
    ],
  ])('%s', async (_what, answer) => {
    const said = await expectTheSame(answer);

    expect(said).toMatch(/Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n[\s\S]*the last/);
  });

  const WITHOUT_BODY: readonly [string, Script][] = [
    [
      'with a length and a body that nobody gets',
      (res) => {
        res.writeHead(200, 'OK', FIVE);
        res.write(Buffer.from('hel'));
        res.end('lo', 'latin1');
      },
    ],
    [
      'without a length',
      (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.write('hello', 'latin1');
        res.end();
      },
    ],
    [
      'with a head that leaves first',
      async (res) => {
        res.writeHead(200, 'OK', NO_LENGTH);
        res.flushHeaders();
        await new Promise(setImmediate);
        res.end();
      },
    ],
  ];

  test.each<[string, Script]>([...WITHOUT_BODY])('to HEAD, %s', async (_what, answer) => {
    expect(await expectTheSame(answer, 'HEAD')).not.toContain('hello');
  });

  test.each<[number, string, string[]]>([
    [204, 'No Content', []],
    [204, 'No Content', ['Content-Length', '5']],
    [304, 'Not Modified', ['ETag', '"a"']],
    [304, 'Not Modified', ['Content-Length', '5']],
  ])('%i %s with %j and a body that nobody gets', async (status, phrase, lines) => {
    const said = await expectTheSame((res) => {
      res.writeHead(status, phrase, lines);
      res.write('hello', 'latin1');
      res.end();
    });

    expect(said).not.toContain('hello');
    expect(said).toContain('the last');
  });

  test.each<[string, string, string[], string]>([
    ['with a length', 'GET', FIVE, 'hello'],
    ['in chunks', 'GET', [], 'hello'],
    ['to HEAD', 'HEAD', FIVE, ''],
  ])('of the last answer of its connection, %s', async (_what, method, lines, text) => {
    const said = await expectTheSame((res) => {
      res.shouldKeepAlive = false;
      res.writeHead(200, 'OK', lines);
      res.end(text, 'latin1');
    }, method);

    expect(said).toContain('Connection: close\r\n');
    expect(said).not.toContain('the last');
  });

  test.each([
    ['Connection', 'close'],
    ['connection', 'Close'],
    ['CONNECTION', 'x-mine, close'],
  ])('with the line %s: %s, which ends its connection', async (name, value) => {
    const said = await expectTheSame((res) => {
      res.writeHead(200, 'OK', [...FIVE, name, value]);
      res.end('hello', 'latin1');
    });

    expect(said).not.toContain('the last');
  });

  test('with a connection that is to be kept, said by its side', async () => {
    const said = await expectTheSame((res) => {
      res.shouldKeepAlive = false;
      res.writeHead(200, 'OK', ['Connection', 'keep-alive', ...FIVE]);
      res.end('hello', 'latin1');
    });

    expect(said).toContain('the last');
  });

  test('with two words on the connection, of which one ends it', async () => {
    const said = await expectTheSame((res) => {
      res.writeHead(200, 'OK', ['Connection', 'close', 'Connection', 'keep-alive', ...FIVE]);
      res.end('hello', 'latin1');
    });

    expect(said).not.toContain('the last');
  });

  test.each<[string, readonly string[]]>([
    ['in chunks', []],
    ['with a length', ['Content-Length', String(40 * 50_000)]],
  ])('of two megabytes %s, written as fast as the client takes them', async (_what, lines) => {
    const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251));
    const said = await expectTheSame(async (res) => {
      res.writeHead(200, 'OK', [...lines]);
      for (let i = 0; i < 40; i += 1)
        if (!res.write(bytes)) await new Promise<void>((resolve) => res.once('drain', resolve));
      res.end();
    });

    expect(said.length).toBeGreaterThan(2_000_000);
  });
});

describe('what Node’s server refuses to say is refused, and nothing of it is said', () => {
  test.each<[string, number, string, string[]]>([
    ['a value with the end of a line', 200, 'OK', ['X-A', 'b\r\nX-Forged: 1']],
    ['a value with LF', 200, 'OK', ['X-A', 'b\nc']],
    ['a value with NUL', 200, 'OK', ['X-A', 'b\0']],
    ['a value beyond Latin-1', 200, 'OK', ['X-A', '☃']],
    ['a name with a space', 200, 'OK', ['X A', 'b']],
    ['a name with the end of a line', 200, 'OK', ['X\r\nA', 'b']],
    ['no name', 200, 'OK', ['', 'b']],
    ['a phrase with the end of a line', 200, 'OK\r\nX-Forged: 1', []],
    ['a status that is none', 99, 'OK', []],
    ['a status that is too large', 1_000, 'OK', []],
  ])('%s', async (_what, status, phrase, lines) => {
    const said = await expectTheSame((res) => {
      expect(() => res.writeHead(status, phrase, lines)).toThrow();
      expect(res.headersSent).toBe(false);
      res.writeHead(500, 'Internal Server Error', FIVE);
      res.end('sorry', 'latin1');
    });

    expect(said).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\nContent-Type: text\/plain\r\n/);
  });

  test('a second head', async () => {
    const said = await expectTheSame((res) => {
      res.writeHead(200, 'OK', FIVE);
      expect(() => res.writeHead(500, 'Internal Server Error', [])).toThrow();
      res.end('hello', 'latin1');
    });

    expect(said).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

test('an answer tells what Node’s tells: of its head, of each piece that has left, and of its end', async () => {
  const told: unknown[][] = [];
  await expectTheSame(async (res) => {
    const own: unknown[] = [res.headersSent, res.writableFinished, res.destroyed, res.getHeaderNames()];
    res.writeHead(201, 'Created', []);
    own.push(res.headersSent, res.statusCode);
    await new Promise<void>((resolve) => res.write(Buffer.from('x'), () => resolve()));
    const closed = new Promise<void>((resolve) => res.once('close', resolve));
    res.end();
    res.end();
    own.push(res.headersSent);
    await closed;
    own.push(res.writableFinished, res.destroyed, res.socket, res.errored, res.writableLength);
    // Behind its end nothing can be said any more, least of all into somebody else's answer.
    res.destroy();
    told.push(own);
  });

  expect(told[0]).toEqual([false, false, false, [], true, 201, true, true, true, null, null, 0]);
  expect(told[1]).toEqual(told[0]);
});

test('a piece for an answer whose body is not said is let go of all the same', async () => {
  await expectTheSame(async (res) => {
    res.writeHead(200, 'OK', FIVE);
    await new Promise<void>((resolve) => res.write(Buffer.from('hello'), () => resolve()));
    res.end();
  }, 'HEAD');
});
