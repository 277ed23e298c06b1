import { readdirSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../support/house.ts';
import { openServeBench, type ServeBench, type Served } from '../support/serve.ts';

// The life of the process, by the real command: start, stall, crash, drain, and the next version beside it.

/** Answers after as many ms as the path says: `/slow/300/`. `/never/` is not answered, `/drop/` is hung up on. */
const legacy = createServer((req: IncomingMessage, res: ServerResponse) => {
  req.resume();
  if (req.url?.startsWith('/never/')) return;
  if (req.url?.startsWith('/drop/')) return void req.socket.destroy();
  const [, ms = '0'] = /^\/slow\/(\d+)\//.exec(req.url ?? '') ?? [];
  setTimeout(() => res.end('from legacy'), Number(ms));
});

/**
 * A bug, a processor that is busy for others, and a clock that jumps, at our word: SIGUSR2 throws, SIGPWR holds the loop up for about
 * 2 s, SIGHUP puts the clock an hour forward, SIGWINCH an hour back.
 */
const PLANTED = [
  'const hold = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };',
  'process.on("SIGUSR2", () => setImmediate(() => { throw new Error("planted bug") }));',
  'process.on("SIGPWR", () => { let left = 10; const turn = () => { hold(200); left -= 1; if (left > 0) setTimeout(turn, 1); }; turn(); });',
  'const now = Date.now.bind(Date);',
  'process.on("SIGHUP", () => { Date.now = () => now() + 3600000; });',
  'process.on("SIGWINCH", () => { Date.now = () => now() - 3600000; });',
].join('');
const WITH_PLANTS = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(PLANTED)}` };

let bench: ServeBench;
beforeAll(async () => {
  await new Promise<void>((resolve) => legacy.listen(0, '127.0.0.1', resolve));
  bench = await openServeBench(`http://127.0.0.1:${(legacy.address() as AddressInfo).port}`);
}, 60_000);
afterAll(async () => {
  await bench.close();
  legacy.closeAllConnections();
  legacy.close();
});

const get = ({ gatewayPort }: Served, path: string) => fetch(`http://127.0.0.1:${gatewayPort}${path}`);
const status = (served: Served, path: string) =>
  get(served, path).then(
    async (answer) => ({ status: answer.status, body: await answer.text() }),
    () => ({ status: 0, body: '' }),
  );
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe.each([
  ['one process', '1'],
  ['two workers', '2'],
])('%s', (_name, workers) => {
  test('row-121-drain: after SIGTERM what is in flight ends, its connection is closed, and nothing new is taken', async () => {
    const served = await bench.serve({ WORKERS: workers });
    const idle = connect(served.gatewayPort, '127.0.0.1');
    const idleGone = new Promise((resolve) => idle.once('close', resolve));
    const inFlight = Array.from({ length: 20 }, () => get(served, '/slow/700/'));
    await wait(200);
    served.banyan.child.kill('SIGTERM');
    const answers = await Promise.all(inFlight);
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(200));
    expect(answers.every((answer) => answer.headers.get('connection') === 'close')).toBe(true);
    await idleGone;
    expect(await served.banyan.exited).toBe(0);
    expect((await status(served, '/')).status).toBe(0);
    expect(served.lines().find(({ event }) => event === 'stopped')).toMatchObject({ inFlight: 0 });
  }, 30_000);

  test('row-121-drain-deadline: what does not end in SHUTDOWN_GRACE_MS is cut off, and told', async () => {
    const served = await bench.serve({ WORKERS: workers, SHUTDOWN_GRACE_MS: '300' });
    const hanging = status(served, '/never/');
    await wait(200);
    const beganMs = performance.now();
    served.banyan.child.kill('SIGTERM');
    expect((await hanging).status).toBe(0);
    expect(await served.banyan.exited).toBe(0);
    expect(performance.now() - beganMs).toBeLessThan(4_000);
    expect(served.lines().find(({ event }) => event === 'stopped')).toMatchObject({ inFlight: 1 });
  }, 30_000);

  test('row-122-second-signal: a second SIGTERM ends it at once, and the port is free for the next', async () => {
    const served = await bench.serve({ WORKERS: workers });
    const workersOf = served.workers();
    const hanging = status(served, '/never/');
    await wait(200);
    served.banyan.child.kill('SIGTERM');
    await wait(100);
    served.banyan.child.kill('SIGTERM');
    expect(await served.banyan.exited).toBe(143);
    await hanging;
    await until(() => !workersOf.some(isAlive), 'the workers to have gone', 8_000);
    const next = await bench.serve({ ...served.env });
    expect((await status(next, '/')).status).toBe(200);
    next.banyan.child.kill('SIGKILL');
  }, 30_000);

  test('row-122-sigkill: kill -9 leaves no process behind, and the next one starts on the same port', async () => {
    const served = await bench.serve({ WORKERS: workers });
    const workersOf = served.workers();
    served.banyan.child.kill('SIGKILL');
    await served.banyan.exited;
    await until(() => !workersOf.some(isAlive), 'the workers to have gone', 8_000);
    const next = await bench.serve({ ...served.env });
    expect((await status(next, '/')).status).toBe(200);
    next.banyan.child.kill('SIGKILL');
  }, 30_000);

  test('row-124-uncaught-exception: it is told, requests in flight end, and the process does not go on', async () => {
    const served = await bench.serve({ WORKERS: workers, ...WITH_PLANTS });
    const [victim = served.banyan.child.pid] = served.workers();
    const inFlight = Array.from({ length: 6 }, () => status(served, '/slow/600/'));
    await wait(200);
    process.kill(victim as number, 'SIGUSR2');
    expect((await Promise.all(inFlight)).map((answer) => answer.status)).toEqual(Array(6).fill(200));
    await until(() => !isAlive(victim as number), 'the process with the bug to have gone');
    expect(served.lines().find(({ event }) => event === 'bug')).toMatchObject({
      level: 'error',
      where: 'process',
      error: expect.stringContaining('planted bug'),
    });
    if (workers === '1') return expect(await served.banyan.exited).toBe(1);
    // The other worker goes on, and a new one takes the dead one's place.
    expect((await status(served, '/')).status).toBe(200);
    await until(
      () => served.workers().length === 2 && !served.workers().includes(victim as number),
      'two workers',
    );
    served.banyan.child.kill('SIGKILL');
  }, 30_000);
});

test('row-121-readiness: while it drains it is not ready, so that nobody sends more', async () => {
  const served = await bench.serve();
  const inFlight = get(served, '/slow/800/');
  await wait(200);
  served.banyan.child.kill('SIGTERM');
  await wait(100);
  const answer = await served.admin('/readyz');
  expect(answer.status).toBe(503);
  expect(((await answer.json()) as { parts: { gateway: { detail: string } } }).parts.gateway.detail).toBe(
    'stopping on SIGTERM',
  );
  await inFlight;
  await served.banyan.exited;
}, 30_000);

test('row-121-upgrade: a new one is started beside the old, which then drains, and no request is lost', async () => {
  const old = await bench.serve({ WORKERS: '2' });
  const refused = await bench.serve({ ...old.env }).catch((error: Error) => error.message);
  expect(refused).toContain(`Port ${old.adminPort}`);
  const statuses: number[] = [];
  let isOver = false;
  const clients = Array.from({ length: 8 }, async () => {
    while (!isOver) statuses.push((await status(old, '/slow/5/')).status);
  });
  await wait(200);
  const next = await bench.serve({ ...old.env }, ['serve', '--beside']);
  await wait(300);
  old.banyan.child.kill('SIGTERM');
  expect(await old.banyan.exited).toBe(0);
  await wait(300);
  isOver = true;
  await Promise.all(clients);
  expect(statuses.length).toBeGreaterThan(100);
  expect(statuses.filter((each) => each !== 200)).toEqual([]);
  next.banyan.child.kill('SIGKILL');
}, 40_000);

test('row-123-broken-clients: resets at any moment cost their own request and nothing else', async () => {
  const served = await bench.serve();
  const head = 'POST /slow/20/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345';
  await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const socket = connect(served.gatewayPort, '127.0.0.1', () => socket.write(head.slice(0, 1 + i * 2)));
      socket.on('error', () => undefined);
      await wait(5 + (i % 7) * 10);
      socket.resetAndDestroy();
    }),
  );
  expect((await status(served, '/')).status).toBe(200);
  expect(served.lines().filter(({ event }) => event === 'bug')).toEqual([]);
  await until(
    async () => /^banyan_in_flight 0$/m.test(await served.metrics()),
    'nothing to be in flight any more',
  );
  served.banyan.child.kill('SIGKILL');
}, 30_000);

test('row-125-worker-death: kill -9 of a worker costs the requests in it; the other serves, and a new one is started', async () => {
  const served = await bench.serve({ WORKERS: '2' });
  const [victim = 0, other] = served.workers();
  process.kill(victim, 'SIGKILL');
  await until(() => !isAlive(victim), 'the worker to have gone');
  const during = await Promise.all(Array.from({ length: 20 }, () => status(served, '/')));
  expect(during.map((answer) => answer.status)).toEqual(Array(20).fill(200));
  await until(() => served.workers().length === 2, 'a new worker');
  expect(served.workers()).toContain(other);
  expect(await served.metrics()).toMatch(/^banyan_worker_deaths_total 1$/m);
  expect(await served.metrics()).toMatch(/^banyan_workers 2$/m);
  served.banyan.child.kill('SIGKILL');
}, 30_000);

test('row-125-figures: what workers count is told as one', async () => {
  const served = await bench.serve({ WORKERS: '2' });
  for (let i = 0; i < 10; i += 1) await status(served, '/');
  const counts = [...(await served.metrics()).matchAll(/^banyan_requests_total\{.*\} (\d+)$/gm)];
  expect(counts.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(10);
  const table = (await (await served.admin('/api/breakers')).json()) as { breakers: unknown[] };
  expect(table.breakers).toContainEqual({ feature: 'unlisted', side: 'legacy', state: 'closed' });
  served.banyan.child.kill('SIGKILL');
}, 30_000);

test('row-126-event-loop-stall: new work is refused while the loop lags, readiness is off, and a profile is written', async () => {
  const PROFILE_DIR = join(tmpdir(), `banyan-profiles-${process.pid}`);
  const served = await bench.serve({ SHED_LAG_MS: '60', PROFILE_DIR, ...WITH_PLANTS });
  process.kill(served.banyan.child.pid as number, 'SIGPWR');
  const seen: { status: number; body: string }[] = [];
  let readiness = 200;
  await until(async () => {
    const [answer, ready] = await Promise.all([status(served, '/'), served.admin('/readyz')]);
    seen.push(answer);
    if (answer.status === 503) readiness = Math.max(readiness, ready.status);
    return answer.status === 503;
  }, 'work to be refused');
  expect(JSON.parse(seen.at(-1)?.body ?? '{}')).toMatchObject({
    code: 'overloaded',
    blame: 'us',
    retry_safe: true,
  });
  expect(readiness).toBe(503);
  await until(async () => (await status(served, '/')).status === 200, 'work to be taken again', 10_000);
  await until(() => served.lines().some(({ event }) => event === 'profile_written'), 'a profile', 10_000);
  expect(readdirSync(PROFILE_DIR)).toEqual([expect.stringMatching(/^shedding-.*\.cpuprofile$/)]);
  served.banyan.child.kill('SIGKILL');
}, 40_000);

test('row-129-log-cannot-be-written: requests are answered, and the lost lines are counted', async () => {
  const served = await bench.serve();
  // The reader of the log has gone: every write fails from now on.
  served.banyan.child.stdout?.destroy();
  for (let i = 0; i < 20; i += 1) expect((await status(served, '/')).status).toBe(200);
  await until(async () => {
    const [, dropped = '0'] = /^banyan_log_lines_dropped_total (\d+)$/m.exec(await served.metrics()) ?? [];
    return Number(dropped) > 0;
  }, 'lost lines to be counted');
  served.banyan.child.kill('SIGKILL');
}, 30_000);

test('row-123-aborted-requests: what clients give up is given up behind the gateway, too', async () => {
  const served = await bench.serve();
  const pending = Array.from({ length: 10 }, () =>
    request({ port: served.gatewayPort, host: '127.0.0.1', path: '/never/' }).on('error', () => undefined),
  );
  for (const each of pending) each.end();
  await wait(200);
  for (const each of pending) each.destroy();
  await until(
    async () => /^banyan_in_flight 0$/m.test(await served.metrics()),
    'nothing to be in flight any more',
  );
  served.banyan.child.kill('SIGKILL');
}, 30_000);

test.each(['SIGHUP', 'SIGWINCH'] as const)(
  'row-128-clock-jump: a clock that jumps an hour (%s) ends no request early, hangs none, and wakes no breaker late',
  async (jump) => {
    const served = await bench.serve({ LEGACY_REST_MS: '400', ...WITH_PLANTS });
    const inFlight = status(served, '/slow/500/');
    await until(async () => (await status(served, '/drop/')).status === 503, "legacy's breaker to open");
    process.kill(served.banyan.child.pid as number, jump);
    expect(await inFlight).toEqual({ status: 200, body: 'from legacy' });
    await until(async () => (await status(served, '/')).status === 200, 'legacy to be asked again', 8_000);
    served.banyan.child.kill('SIGKILL');
  },
  30_000,
);
