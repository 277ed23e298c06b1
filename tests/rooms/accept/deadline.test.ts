import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { runWithinDeadline } from '../../../src/accept/index.ts';
import type { Outcome } from '../../../src/vocabulary/index.ts';
import { sendRaw } from '../../support/raw-http.ts';

const TIMEOUT_MS = 150;
const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

type Work = (res: ServerResponse, signal: AbortSignal, req: IncomingMessage) => Promise<Outcome>;

/** Runs this work for the request, and answers what the client saw and what became of it. */
async function run(work: Work, head = 'GET / HTTP/1.1', more: Readonly<{ streamIdleMs?: number }> = {}) {
  const ended = Promise.withResolvers<Outcome>();
  const server = createServer((req, res) => {
    runWithinDeadline({ req, res, timeoutMs: TIMEOUT_MS, ...more }, (signal) => work(res, signal, req)).then(
      (outcome) => {
        if (outcome.kind === 'failed') res.end('failed');
        ended.resolve(outcome);
      },
      ended.reject,
    );
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const beganMs = performance.now();
  const seen = await sendRaw(port, `${head}\r\nHost: y\r\nConnection: close\r\n\r\n`);
  return { ...seen, outcome: await ended.promise, tookMs: performance.now() - beganMs };
}

const never = () => new Promise<never>(() => undefined);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('work of the new side', () => {
  test('that does not begin to answer is told to stop, and is a failure whatever it does later', async () => {
    let isStopped = false;
    const { outcome } = await run((_res, signal) => {
      signal.addEventListener('abort', () => {
        isStopped = true;
      });
      return never();
    });
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'new_too_slow', retrySafe: true } });
    expect(isStopped).toBe(true);
  });

  test('that has begun and then stands still is cut, so that nobody takes the half for the whole', async () => {
    const work: Work = (res) => {
      res.writeHead(200, { 'Content-Length': '100' });
      res.write('half');
      return never();
    };
    const { outcome, text, isClosed, tookMs } = await run(work);
    expect(outcome).toMatchObject({ kind: 'cut', status: 200, failure: { code: 'new_too_slow' } });
    expect([text.endsWith('half'), isClosed]).toEqual([true, true]);
    expect(tookMs).toBeLessThan(3 * TIMEOUT_MS + 500);
    expect((await run(work, 'GET / HTTP/1.0')).outcome.kind).toBe('cut');
  });

  test('that goes on piece by piece may take as long as it likes', async () => {
    const { outcome, text } = await run(async (res) => {
      res.writeHead(200, { 'Content-Length': '10' });
      for (let count = 0; count < 10; count += 1) {
        res.write('x');
        await pause(TIMEOUT_MS / 2);
      }
      res.end();
      return { kind: 'answered', status: 200 };
    });
    expect(outcome).toEqual({ kind: 'answered', status: 200 });
    expect(text).toMatch(/xxxxxxxxxx$/);
  });

  test('that streams events may be silent for longer, but not for ever', async () => {
    const stream = (silentMs: number): Work => {
      return async (res) => {
        res.setHeader('Content-Type', 'text/event-stream');
        res.writeHead(200);
        res.write('data: 1\n\n');
        await pause(silentMs);
        res.end('data: 2\n\n');
        return { kind: 'answered', status: 200 };
      };
    };
    expect((await run(stream(4 * TIMEOUT_MS))).outcome.kind).toBe('answered');
    expect((await run(stream(10 * TIMEOUT_MS), undefined, { streamIdleMs: TIMEOUT_MS })).outcome.kind).toBe(
      'cut',
    );
  });
});
