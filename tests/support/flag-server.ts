import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type FlagAnswer = (req: IncomingMessage, res: ServerResponse) => void;

/** A small server with Unleash's client endpoint, which says whatever a test wants: what no real Unleash would, too. */
export type FlagServer = Readonly<{
  /** What `UNLEASH_URL` takes. */
  url: string;
  asked: readonly IncomingMessage[];
  answer(next: FlagAnswer): void;
  close(): Promise<void>;
}>;

export async function openFlagServer(first: FlagAnswer, port = 0): Promise<FlagServer> {
  let answer = first;
  const asked: IncomingMessage[] = [];
  const server = createServer((req, res) => {
    asked.push(req);
    answer(req, res);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
    asked,
    answer: (next) => {
      answer = next;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

type Strategy = Readonly<Record<string, unknown>>;

export const flag = (name: string, ...strategies: readonly Strategy[]) => ({
  name,
  enabled: true,
  type: 'release',
  strategies,
});

export const rollout = (percent: number, groupId: string): Strategy => ({
  name: 'flexibleRollout',
  parameters: { rollout: String(percent), stickiness: 'tenantId', groupId },
  constraints: [],
});

export const onFor = (...tenants: readonly string[]): Strategy => ({
  name: 'default',
  parameters: {},
  constraints: [
    { contextName: 'tenantId', operator: 'IN', values: tenants, inverted: false, caseInsensitive: false },
  ],
});

/** A good answer with an ETag of its own, and 304 for whoever has it. */
export function tell(features: readonly unknown[], segments: readonly unknown[] = []): FlagAnswer {
  const body = JSON.stringify({ version: 2, features, segments });
  return tellAs(`"${createHash('sha256').update(body).digest('hex')}"`, body);
}

/** This body under this ETag. */
export function tellAs(etag: string, body: string): FlagAnswer {
  return (req, res) => {
    if (req.headers['if-none-match'] === etag) return void res.writeHead(304).end();
    res.writeHead(200, { 'content-type': 'application/json', etag }).end(body);
  };
}

export const refuse =
  (status: number): FlagAnswer =>
  (_req, res) =>
    void res.writeHead(status).end();
