import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openHttpEngine } from '../../../src/handle/index.ts';

type Asked = Readonly<{ url: string | undefined; authorization: string | undefined; body: unknown }>;

let respond: (res: ServerResponse) => void = (res) => res.end();
const asked: Asked[] = [];
const server = createServer(async (req: IncomingMessage, res) => {
  let text = '';
  for await (const piece of req) text += String(piece);
  asked.push({ url: req.url, authorization: req.headers.authorization, body: JSON.parse(text) });
  respond(res);
});
const ask = { model: 'm', prompt: 'hello', temperature: 0.5, maxTokens: 9 };
const patience = () => AbortSignal.timeout(5_000);
const engine = () =>
  openHttpEngine({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`,
    apiKey: 'key',
  });

async function collect(words: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const word of words) all.push(word);
  return all;
}

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(
  () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
);

test("a whole completion is asked for in OpenAI's shape", async () => {
  respond = (res) => res.end('{"choices":[{"message":{"content":"Hi é"}}]}');
  expect(await engine().complete(ask, patience())).toBe('Hi é');
  expect(asked.at(-1)).toEqual({
    url: '/v1/chat/completions',
    authorization: 'Bearer key',
    body: {
      model: 'm',
      messages: [{ role: 'user', content: 'hello' }],
      temperature: 0.5,
      max_tokens: 9,
      stream: false,
    },
  });
});

test('a stream gives its deltas, however the events are cut into packets', async () => {
  const text =
    'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\ndata: {"choices":[{"delta":{"content":"Hé "}}]}\r\n\r\n: ping\n\ndata: {"choices":[{"delta":{"content":"you"}}]}\n\ndata: [DONE]\n\n';
  respond = async (res) => {
    for (const byte of Buffer.from(text)) res.write(Buffer.of(byte));
    res.end();
  };
  expect(await collect(engine().stream(ask, patience()))).toEqual(['Hé ', 'you']);
});

test('a stream that ends without its last event is a failure, not a short answer', async () => {
  respond = (res) => res.end('data: {"choices":[{"delta":{"content":"half"}}]}\n\n');
  await expect(collect(engine().stream(ask, patience()))).rejects.toThrow('broke off');
});

test.each([
  ['an error status', (res: ServerResponse) => res.writeHead(500).end('{}')],
  ['a redirect', (res: ServerResponse) => res.writeHead(302, { location: '/elsewhere' }).end()],
  ['no JSON', (res: ServerResponse) => res.end('<html>')],
  ['another shape', (res: ServerResponse) => res.end('{"choices":[]}')],
  ['an endless answer', (res: ServerResponse) => res.end(' '.repeat(5 * 1024 * 1024))],
])('%s is a failure', async (_what, answer) => {
  respond = answer;
  await expect(engine().complete(ask, patience())).rejects.toThrow();
});

test('an engine that says nothing is given up when the signal says so', async () => {
  respond = () => undefined;
  await expect(engine().complete(ask, AbortSignal.timeout(50))).rejects.toThrow();
});
