// Row 57: a log that nobody reads, or that is read too slowly.
import { Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLineSink, createObserve } from '../../src/observe/index.ts';
import type { BanyanEvent } from '../../src/vocabulary/index.ts';
import { type Monolith, openMonolith } from '../fidelity/monolith.ts';
import { ask, openClient } from '../fidelity/stand.ts';
import { until } from '../support/house.ts';
import { openServeBench, type ServeBench } from '../support/serve.ts';

let monolith: Monolith;
let bench: ServeBench;
beforeAll(async () => {
  monolith = await openMonolith();
  bench = await openServeBench(monolith.url);
});
afterAll(async () => {
  await bench.close();
  await monolith.close();
});

const EVENT: BanyanEvent = { type: 'part_changed', part: 'legacy', state: 'ready', detail: 'x'.repeat(400) };
const MOST_BYTES = 4 * 1024 * 1024;

test('row-057-burst: a burst of lines is written as it comes, and none is kept by the logger', () => {
  let lines = 0;
  const write = () => {
    lines += 1;
  };
  const sink = { write, dropped: () => 0 };
  const { emit } = createObserve({ level: 'info', sink });
  for (let count = 0; count < 20_000; count += 1) emit(EVENT);
  expect(lines).toBe(20_000);
});

test('row-057-stalled: a log that takes nothing keeps a bounded heap of lines, and the others are counted', async () => {
  const stalled = new Writable({ write: () => undefined });
  const sink = createLineSink(stalled);
  const { emit, metrics } = createObserve({ level: 'info', sink });
  for (let count = 0; count < 20_000; count += 1) emit(EVENT);
  expect(stalled.writableLength).toBeLessThan(MOST_BYTES + 1_000);
  expect(sink.dropped()).toBeGreaterThan(10_000);
  expect(await metrics()).toContain(`banyan_log_lines_dropped_total ${sink.dropped()}`);
});

test('row-057-pipe: a gateway whose standard output nobody reads goes on answering, and counts what is lost', async () => {
  const served = await bench.serve();
  served.banyan.child.stdout?.pause();
  const read = async () =>
    Number(/^banyan_log_lines_dropped_total (\d+)$/m.exec(await served.metrics())?.[1] ?? 0);
  let answers = 0;
  // A line each, and little work.
  const requests = ask('GET /api/ai/jobs/').repeat(50);
  const clients = Array.from({ length: 10 }, () => openClient(served.gatewayPort));
  const pour = async (client: ReturnType<typeof openClient>) => {
    for (let round = 1; round <= 36; round += 1) {
      client.send(requests);
      await until(() => count(client.text()) >= round * 50, 'fifty answers', 20_000);
    }
    answers += count(client.text());
  };
  await Promise.all(clients.map(pour));
  expect(answers).toBe(18_000);
  expect(await read()).toBeGreaterThan(0);
  expect((await fetch(`http://127.0.0.1:${served.gatewayPort}/api/ai/jobs/`)).status).toBe(401);
  served.banyan.child.stdout?.resume();
  for (const { socket } of clients) socket.destroy();
}, 60_000);

const count = (text: string) => text.split('HTTP/1.1 401 ').length - 1;
