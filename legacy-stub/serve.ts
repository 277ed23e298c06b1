import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { openDatabase } from './database/connection.ts';
import { openRegistry } from './database/registry.ts';
import { openLocalEngine, openRemoteEngine } from './engine.ts';
import { LegacyRefusal } from './refusal.ts';
import { createTagVerifier, type JwkSet } from './verify-identity-tag.ts';
import { openChatHub } from './views/chat-hub.ts';
import { answerRequest, type Desk } from './web/dispatch.ts';
import { readFaults } from './web/faults.ts';
import { openLane } from './web/lane.ts';
import { openSocketDesk } from './web/sockets.ts';

export type LegacyWish = Readonly<{
  databaseUrl: string;
  /** 0 takes any free port. */
  port: number;
  host?: string;
  jwksUrl?: string;
  /** Instead of `jwksUrl`, for tests. */
  fetchKeys?: () => Promise<JwkSet>;
  /** What identity tags must be bound to. */
  tagBinding?: 'request' | 'caller';
  lanes?: number;
  dashboardMs?: number;
  /** See `web/faults.ts`. */
  faults?: string;
  ai?: Readonly<{ baseUrl: string; apiKey: string | undefined }>;
  /** The pause before each word that the local engine streams. */
  tokenMs?: number;
  secretKey?: string;
  poolSize?: number;
  report?: (line: string) => void;
}>;

export interface Legacy {
  readonly url: string;
  readonly port: number;
  /** Replaces all planted faults; throws LegacyRefusal for a text that cannot be understood. */
  setFaults(text: string): void;
  /** Answers what has begun, for at most `graceMs`, then cuts. */
  close(): Promise<void>;
}

const DEFAULT_JWKS_URL = 'http://127.0.0.1:9901/.well-known/jwks.json';
const DEMO_SECRET_KEY = 'django-insecure-demo-of-the-banyan-legacy-stub';
const GRACE_MS = 5_000;

/** Opens the monolith: database, lane, views, sockets. Throws LegacyRefusal with one sentence where it cannot. */
export async function serveLegacy(wish: LegacyWish): Promise<Legacy> {
  let faults = readFaults(wish.faults ?? '');
  const database = await openDatabase(wish.databaseUrl, wish.poolSize ?? 20);
  const { report = () => {} } = wish;
  const closing = new AbortController();
  const desk: Desk = {
    house: {
      database,
      lane: openLane(wish.lanes ?? 1),
      engine: wish.ai ? openRemoteEngine(wish.ai) : openLocalEngine(wish.tokenMs ?? 5),
      hub: openChatHub(),
      dashboardMs: wish.dashboardMs ?? 250,
      secretKey: wish.secretKey ?? DEMO_SECRET_KEY,
    },
    registry: openRegistry(database),
    verifier: createTagVerifier({
      jwksUrl: wish.jwksUrl ?? DEFAULT_JWKS_URL,
      ...(wish.fetchKeys && { fetchKeys: wish.fetchKeys }),
      ...(wish.tagBinding && { binding: wish.tagBinding }),
    }),
    faults: () => faults,
    closing: closing.signal,
    report,
  };
  const sockets = openSocketDesk(desk);
  // Longer than a gateway keeps its idle connections: the side that closes first must be the one that asks.
  const server = createServer({ keepAliveTimeout: 75_000 }, (req, res) => void answerRequest(desk, req, res));
  server.on('upgrade', (req, socket, head) => void sockets.upgrade(req, socket as Socket, head));
  const port = await listen(server, wish.port, wish.host ?? '127.0.0.1').catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  return {
    url: `http://${wish.host ?? '127.0.0.1'}:${port}`,
    port,
    setFaults: (text) => {
      faults = readFaults(text);
    },
    close: async () => {
      closing.abort();
      sockets.close();
      await closeServer(server);
      await database.close();
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explainListen(error, port)));
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

function explainListen(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === 'EADDRINUSE')
    return new LegacyRefusal(
      `Port ${port} is taken by another program: stop it, or set LEGACY_PORT to a free port.`,
    );
  return new LegacyRefusal(
    `The legacy stub cannot listen on port ${port} (${error.message}): set LEGACY_PORT to another port.`,
  );
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(timer);
}
