import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** A browser's session, as a login handed it out. */
export type Session = Readonly<{ sessionid: string; csrftoken: string }>;

/** One request of the traffic, for the tenant's own host. */
export type Shot = Readonly<{
  tenant: string;
  method: string;
  /** Path and query. */
  target: string;
  /** By which credential the caller is known. */
  as: 'key' | 'nobody' | Session;
  headers?: Readonly<Record<string, string>>;
  body?: string | Buffer;
}>;

export type Seen = Readonly<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>;

export type Visitors = Readonly<{
  /** Sends one request under the given id and reads its answer. */
  send(shot: Shot, requestId: string): Promise<Seen>;
  close(): void;
}>;

/** People who keep their connections, as browsers and clients of an API do. */
export function openVisitors(port: number): Visitors {
  const agent = new Agent({ keepAlive: true });
  return {
    send: (shot, requestId) => exchange(agent, port, shot, requestId),
    close: () => agent.destroy(),
  };
}

/** The session that a login has begun. */
export function readSession(seen: Pick<Seen, 'headers'> | undefined): Session {
  const cookies = seen?.headers['set-cookie'] ?? [];
  const read = (name: string) => cookies.find((line) => line.startsWith(`${name}=`))?.split(/[=;]/)[1] ?? '';
  return { sessionid: read('sessionid'), csrftoken: read('csrftoken') };
}

export function isWrite({ method }: Shot): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function exchange(agent: Agent, port: number, shot: Shot, requestId: string): Promise<Seen> {
  const { method, target: path, body } = shot;
  return new Promise((resolve, reject) => {
    const req = request({
      agent,
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: {
        host: `${shot.tenant}.localhost:${port}`,
        'x-request-id': requestId,
        ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
        ...showCredential(shot),
        ...shot.headers,
      },
    });
    req.once('error', reject);
    req.once('response', async (res) => {
      try {
        const pieces: Buffer[] = [];
        for await (const piece of res) pieces.push(piece as Buffer);
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(pieces) });
      } catch (error) {
        reject(error);
      }
    });
    req.end(body);
  });
}

function showCredential({ as, tenant, method }: Shot): Record<string, string> {
  if (as === 'nobody') return {};
  if (as === 'key') return { authorization: `Bearer byn_demo_${tenant}` };
  const { sessionid, csrftoken } = as;
  const token = method === 'GET' ? {} : { 'x-csrftoken': csrftoken };
  return { cookie: `csrftoken=${csrftoken}; sessionid=${sessionid}`, ...token };
}
