// The least that can be written on undici: Node's server in front, a pool behind, header lists passed on as they come. It admits everybody,
// decides nothing, logs nothing and answers no failure; what Banyan costs beyond this is what Banyan does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { readPlace } from './place.ts';

const { port, upstream } = readPlace();
// As many connections as there are callers with a stream.
const pool = new Pool(upstream, { connections: 10_000, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

/** These end at the proxy (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
]);

function dropHops(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i], raw[i + 1]];
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

const readLatin1 = (raw: readonly Buffer[]) => raw.map((bytes) => bytes.toString('latin1'));

class Answer implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  onConnect(): void {}

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    this.#res.writeHead(status, dropHops(readLatin1(raw))).on('drain', resume);
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.#res.write(chunk);
  }

  onComplete(): void {
    this.#res.end();
  }

  onError(): void {
    this.#res.destroy();
  }
}

const hasBody = ({ headers }: IncomingMessage) =>
  'content-length' in headers || 'transfer-encoding' in headers;

createServer((req, res) => {
  const method = (req.method ?? 'GET') as Dispatcher.HttpMethod;
  const body = hasBody(req) ? req : null;
  pool.dispatch({ method, path: req.url ?? '/', headers: dropHops(req.rawHeaders), body }, new Answer(res));
}).listen(port, '127.0.0.1');
