import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import {
  type Admit,
  type AdmitWish,
  type Clock,
  createTagKeys,
  openAdmit,
} from '../../../src/admit/index.ts';
import {
  type Arrival,
  type BanyanEvent,
  type Failure,
  isFailure,
  type KeyBook,
  type KeyRecord,
  parseTenantName,
  parseUserId,
  type SessionBook,
  type SessionRecord,
  StoreUnavailableForTests,
  type TenantName,
  type UserId,
} from './words.ts';

export const tagKeys = createTagKeys();

export function tenant(name: string): TenantName {
  const parsed = parseTenantName(name);
  if (parsed === undefined) throw new Error(`${name} is no tenant name`);
  return parsed;
}

export function user(id: number): UserId {
  const parsed = parseUserId(id);
  if (parsed === undefined) throw new Error(`${id} is no user id`);
  return parsed;
}

/** Time that moves only when told to, on both of its hands. */
export function stoppedClock(startMs = Date.UTC(2026, 0, 5)): Clock & { pass(ms: number): void } {
  let passedMs = 0;
  return {
    wallMs: () => startMs + passedMs,
    steadyMs: () => passedMs,
    pass: (ms) => {
      passedMs += ms;
    },
  };
}

/** An open room and everything that it told. */
export function openRoom(wish: Partial<AdmitWish> = {}): { admit: Admit; events: BanyanEvent[] } {
  const events: BanyanEvent[] = [];
  const admit = openAdmit({
    tagKeys,
    emit: (event) => events.push(event),
    demoKeys: 'accepted',
    isTenant: (name) => ['acme', 'globex', 'tenant-005'].includes(name),
    ...wish,
  });
  return { admit, events };
}

export type Asked = Readonly<{
  method?: string;
  url?: string;
  headers?: readonly string[];
  version?: '1.0' | '1.1';
  peer?: string;
}>;

/** Receives a request that no client would send, without a socket; `headers` is name and value in turn. */
export function receiveAt(admit: Admit, asked: Asked): Arrival | Failure {
  const {
    method = 'GET',
    url = '/',
    headers = ['Host', 'acme.localhost:8080'],
    version = '1.1',
    peer = '127.0.0.1',
  } = asked;
  const raw = {
    method,
    url,
    rawHeaders: [...headers],
    httpVersionMajor: 1,
    httpVersionMinor: version === '1.0' ? 0 : 1,
    socket: { remoteAddress: peer },
  };
  return admit.receive(raw as unknown as Parameters<Admit['receive']>[0], { byHost: '{tenant}.localhost' });
}

export function arriveAt(admit: Admit, asked: Asked): Arrival {
  const arrival = receiveAt(admit, asked);
  if (isFailure(arrival)) throw new Error(`refused: ${arrival.code}`);
  return arrival;
}

/** What became of a request: a failure's code, or `arrived`. */
export function outcomeOf(admit: Admit, asked: Asked): string {
  const arrival = receiveAt(admit, asked);
  return isFailure(arrival) ? arrival.code : 'arrived';
}

export function withHeaders(...more: string[]): readonly string[] {
  return ['Host', 'acme.localhost', ...more];
}

/** A key book in memory that counts what it is asked, and can be broken. */
export function keyBookOf(...records: KeyRecord[]): KeyBook & { asked: number; isDown: boolean } {
  const byHash = new Map(records.map((record) => [record.hash, record]));
  const book: KeyBook & { asked: number; isDown: boolean } = {
    asked: 0,
    isDown: false,
    find: async (hash) => {
      book.asked++;
      if (book.isDown) throw new StoreUnavailableForTests();
      return byHash.get(hash);
    },
    add: async (record) => {
      byHash.set(record.hash, record);
    },
    list: async () => [...byHash.values()],
    revoke: async (id, at) => {
      const record = [...byHash.values()].find((known) => known.id === id);
      if (record === undefined) return undefined;
      const revoked = { ...record, revokedAt: at };
      byHash.set(record.hash, revoked);
      return revoked;
    },
    revokedSince: async (since) => {
      if (book.isDown) throw new StoreUnavailableForTests();
      return [...byHash.values()]
        .filter((record) => record.revokedAt && record.revokedAt >= since)
        .map(({ hash }) => hash);
    },
  };
  return book;
}

/** A session book in memory. `hash` is how graves are named. */
export function sessionBookOf(
  live: Record<string, SessionRecord>,
  hash: (key: string) => string,
): SessionBook & { asked: number; isDown: boolean; graves: Map<string, Date> } {
  const guard = () => {
    if (book.isDown) throw new StoreUnavailableForTests();
  };
  const book: SessionBook & { asked: number; isDown: boolean; graves: Map<string, Date> } = {
    asked: 0,
    isDown: false,
    graves: new Map(),
    find: async (of, key) => {
      book.asked++;
      guard();
      return live[`${of}/${key}`];
    },
    isEnded: async (_of, key) => {
      guard();
      return book.graves.has(hash(key));
    },
    end: async (_of, key) => {
      guard();
      book.graves.set(hash(key), new Date());
    },
    endedSince: async (since) => {
      guard();
      return [...book.graves].filter(([, at]) => at >= since).map(([name]) => name);
    },
  };
  return book;
}

/** A server that answers what receive made of the request, as JSON: for what only a raw socket can send. */
export async function startDoor(
  admit: Admit,
): Promise<{ port: number; seen: () => number; stop(): Promise<void> }> {
  let seen = 0;
  const server: Server = createServer({ requireHostHeader: false, maxHeaderSize: 64 * 1024 }, (req, res) => {
    const arrival = admit.receive(req, { byHost: '{tenant}.localhost' });
    const failure = isFailure(arrival) ? arrival : undefined;
    if (failure === undefined) seen++;
    res.writeHead(failure?.status ?? 200, ['Connection', 'close', 'Content-Type', 'application/json']);
    res.end(JSON.stringify(arrival));
  });
  server.maxHeadersCount = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, seen: () => seen, stop };
}

/** Writes these very bytes and answers everything that comes back until the other side closes. */
export function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const giveUp = setTimeout(() => socket.destroy(), 2_000);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(giveUp);
      resolve(answer);
    });
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}

export const statusOf = (answer: string): number => Number(answer.split(' ')[1] ?? 0);
