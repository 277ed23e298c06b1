import { type Listener, openListener } from '../../../src/accept/index.ts';
import { type Ask, type Forward, openForward } from '../../../src/forward/index.ts';
import { type Arrival, type Outcome, parseRequestId, type RequestId } from '../../../src/vocabulary/index.ts';

export type Door = Readonly<{
  port: number;
  outcomes: Outcome[];
  next(): Promise<Outcome>;
  close(): Promise<void>;
}>;

/** A listener whose every request goes straight to forward, with the head as it came: the room alone, over real sockets. */
export async function openDoor(
  legacyUrl: string,
  wish: {
    timeoutMs?: number;
    cookies?: string[];
    streamIdleMs?: number;
    connections?: number;
    maxBodyBytes?: number;
    mayRetry?: () => boolean;
    /** Told of what `answer` rejects with; the client is told 500. */
    thrown?: (error: unknown) => void;
    host?: string | (() => string);
  } = {},
): Promise<Door> {
  const forward: Forward = openForward({
    legacyUrl,
    streamIdleMs: wish.streamIdleMs ?? 5_000,
    connections: wish.connections ?? 100,
    ...(wish.maxBodyBytes !== undefined && { maxBodyBytes: wish.maxBodyBytes }),
  });
  const outcomes: Outcome[] = [];
  let wake: () => void = () => undefined;
  const note = (outcome: Outcome) => {
    outcomes.push(outcome);
    wake();
  };
  const host = wish.host ?? 'acme.localhost:8080';
  const ask = (req: Head): Ask => ({
    arrival: { ...toArrival(req), host: typeof host === 'string' ? host : host() },
    identity: { ofRequest: [], standing: ['X-Tenant-Id', 'acme'] },
    added: ['X-Request-Id', 'request-1'],
    timeoutMs: wish.timeoutMs ?? 2_000,
    ...(wish.mayRetry && { mayRetry: wish.mayRetry }),
    noteCookies: (cookies) => void wish.cookies?.push(...cookies),
  });
  const listener: Listener = await openListener(
    {
      from: { host: '127.0.0.1', port: 0, setting: 'PORT' },
      maxConnections: 1_000,
      wantsUpgrade: () => true,
    },
    {
      request: async (req, res) => {
        const outcome = await forward.answer(ask(req), req, res).catch((error: unknown) => {
          if (!wish.thrown) throw error;
          wish.thrown(error);
          res.writeHead(500).end('500');
        });
        if (!outcome) return;
        if (outcome.kind === 'failed') res.writeHead(outcome.failure.status).end(outcome.failure.code);
        note(outcome);
      },
      upgrade: async (req, socket, head) =>
        note(
          await forward.upgrade(ask(req), req, socket, head, (failure) =>
            socket.end(`HTTP/1.1 ${failure.status} x\r\n\r\n`),
          ),
        ),
    },
  );
  return {
    port: Number(new URL(listener.url).port),
    outcomes,
    next: async () => {
      if (outcomes.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return outcomes.shift() as Outcome;
    },
    close: async () => {
      await listener.drain(0);
      await forward.close();
    },
  };
}

type Head = Readonly<{ method?: string | undefined; url?: string | undefined; rawHeaders: string[] }>;

const FRAMING = new Set(['host', 'connection', 'transfer-encoding', 'upgrade']);

function toArrival({ method = 'GET', url = '/', rawHeaders }: Head): Arrival {
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!FRAMING.has(rawHeaders[i]?.toLowerCase() ?? ''))
      headers.push(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
  }
  return {
    requestId: parseRequestId('request-1') as RequestId,
    trace: { traceId: '1'.repeat(32), spanId: '2'.repeat(16), flags: '01', state: undefined },
    method,
    target: url,
    path: url.split('?')[0] ?? '/',
    host: '',
    hostTenant: undefined,
    headers,
    credentials: [],
    wish: undefined,
    upgrade: false,
    peer: '127.0.0.1',
  };
}
