import { type IncomingHttpHeaders, request } from 'node:http';

export type Sent = Readonly<{ status: number; headers: IncomingHttpHeaders; body: string; bytes: Buffer }>;
export type SendWish = Readonly<{
  host?: string;
  method?: string;
  path: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
}>;

/** One HTTP request with a host of our choice, which `fetch` does not allow; nothing is followed, decoded or retried. */
export function send(
  port: number,
  { host = 'localhost', method = 'GET', path, headers = {}, body }: SendWish,
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const req = request(
      {
        port,
        host: '127.0.0.1',
        method,
        path,
        headers: { host: `${host}:${port}`, ...length, ...headers },
        agent: false,
      },
      async (res) => {
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of res) chunks.push(chunk as Buffer);
        } catch (error) {
          return reject(error);
        }
        const bytes = Buffer.concat(chunks);
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: bytes.toString('utf8'), bytes });
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}
