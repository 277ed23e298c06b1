import { readdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runBanyan } from '../support/banyan-process.ts';
import { until } from '../support/house.ts';
import { openServeBench, type ServeBench, type Served } from '../support/serve.ts';

// The life of the process, by the real command: start, stall, crash, drain, and the next version beside it.

let arrived = 0;
const held = new Set<ServerResponse>();
const release = () => {
  for (const res of held) res.end('from legacy');
  held.clear();
};
/** `/held/` is answered when we say so, `/slow/300/` after 300 ms, `/never/` is not answered, `/drop/` is hung up on. */
const legacy = createServer((req: IncomingMessage, res: ServerResponse) => {
  if (req.method === 'GET') arrived += 1;
  req.resume();
  if (req.url?.startsWith('/never/')) return;
  if (req.url?.startsWith('/held/')) return void held.add(res);
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
/** Until so many of its processes have begun to stop. */
const untilStopping = (served: Served, processes: number) =>
  until(
    () => served.lines().filter(({ event }) => event === 'stopping').length >= processes,
    'it to be stopping',
    10_000,
  );
const untilNothingInFlight = (served: Served) =>
  until(
    async () => /^banyan_in_flight 0$/m.test(await served.metrics()),
    'nothing to be in flight any more',
    10_000,
  );
/** Until legacy has been asked so often since `before`. */
const untilAsked = (before: number, times: number) =>
  until(() => arrived >= before + times, `legacy to be asked ${times} times`, 10_000);
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

// Starting takes a second or two of processor: tests share a process as long as it lives.

describe('one process', () => {
  let served: Served;
  beforeAll(async () => {
    served = await bench.serve({ LEGACY_REST_MS: '400', ...WITH_PLANTS });
  }, 40_000);

  test('row-123-broken-clients: resets at any moment cost their own request and nothing else', async () => {
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
    await untilNothingInFlight(served);
  });

  test('row-123-aborted-requests: what clients give up is given up behind the gateway, too', async () => {
    const pending = Array.from({ length: 10 }, () =>
      request({ port: served.gatewayPort, host: '127.0.0.1', path: '/never/' }).on('error', () => undefined),
    );
    const before = arrived;
    for (const each of pending) each.end();
    await untilAsked(before, 10);
    for (const each of pending) each.destroy();
    await untilNothingInFlight(served);
  });

  test.each(['SIGHUP', 'SIGWINCH'] as const)(
    'row-128-clock-jump: a clock that jumps an hour (%s) ends no request early, hangs none, and wakes no breaker late',
    async (jump) => {
      const before = arrived;
      const inFlight = status(served, '/held/');
      await untilAsked(before, 1);
      await until(async () => (await status(served, '/drop/')).status === 503, "legacy's breaker to open");
      process.kill(served.banyan.child.pid as number, jump);
      await wait(50);
      release();
      expect(await inFlight).toEqual({ status: 200, body: 'from legacy' });
      await until(async () => (await status(served, '/')).status === 200, 'legacy to be asked again', 8_000);
    },
    20_000,
  );

  test('row-129-log-cannot-be-written: requests are answered, and the lost lines are counted', async () => {
    // The reader of the log has gone: every write fails from now on.
    served.banyan.child.stdout?.destroy();
    for (let i = 0; i < 20; i += 1) expect((await status(served, '/')).status).toBe(200);
    await until(async () => {
      const [, dropped = '0'] = /^banyan_log_lines_dropped_total (\d+)$/m.exec(await served.metrics()) ?? [];
      return Number(dropped) > 0;
    }, 'lost lines to be counted');
  });

  test('row-124-uncaught-exception: requests in flight end, and the process does not go on', async () => {
    const before = arrived;
    const inFlight = Array.from({ length: 6 }, () => status(served, '/held/'));
    await untilAsked(before, 6);
    served.banyan.child.kill('SIGUSR2');
    await until(async () => (await status(served, '/')).status === 0, 'nothing new to be taken');
    release();
    expect((await Promise.all(inFlight)).map((answer) => answer.status)).toEqual(Array(6).fill(200));
    expect(await served.banyan.exited).toBe(1);
  });
});

describe('two workers', () => {
  let served: Served;
  beforeAll(async () => {
    served = await bench.serve({ WORKERS: '2', ...WITH_PLANTS });
  }, 40_000);

  test('row-125-figures: what workers count is told as one', async () => {
    for (let i = 0; i < 10; i += 1) await status(served, '/');
    const counts = [...(await served.metrics()).matchAll(/^banyan_requests_total\{.*\} (\d+)$/gm)];
    expect(counts.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(10);
    const table = (await (await served.admin('/api/breakers')).json()) as { breakers: unknown[] };
    expect(table.breakers).toContainEqual({ feature: 'unlisted', side: 'legacy', state: 'closed' });
  });

  test('row-125-worker-death: kill -9 of a worker costs the requests in it; the other serves, and a new one is started', async () => {
    const [victim = 0, other] = served.workers();
    process.kill(victim, 'SIGKILL');
    await until(() => !served.workers().includes(victim), 'the worker to have gone');
    const during = await Promise.all(Array.from({ length: 20 }, () => status(served, '/')));
    expect(during.map((answer) => answer.status)).toEqual(Array(20).fill(200));
    await until(() => served.workers().length === 2, 'a new worker', 20_000);
    expect(served.workers()).toContain(other);
    expect(await served.metrics()).toMatch(/^banyan_worker_deaths_total 1$/m);
    expect(await served.metrics()).toMatch(/^banyan_workers 2$/m);
  }, 40_000);

  test('row-124-uncaught-exception: the worker tells of it and ends what is in flight; the other goes on, and a new one comes', async () => {
    const [victim = 0] = served.workers();
    const before = arrived;
    const inFlight = Array.from({ length: 6 }, () => status(served, '/held/'));
    await untilAsked(before, 6);
    process.kill(victim, 'SIGUSR2');
    await untilStopping(served, 1);
    expect((await status(served, '/')).status).toBe(200);
    release();
    expect((await Promise.all(inFlight)).map((answer) => answer.status)).toEqual(Array(6).fill(200));
    expect(served.lines().find(({ event }) => event === 'bug')).toMatchObject({
      level: 'error',
      where: 'process',
      error: expect.stringContaining('planted bug'),
    });
    await until(
      () => served.workers().length === 2 && !served.workers().includes(victim),
      'a new worker',
      20_000,
    );
  }, 40_000);

  test('row-121-drain: after SIGTERM what is in flight ends, its connection is closed, and nothing new is taken', async () => {
    await drainWell(served, 4);
  }, 20_000);

  test('row-122-sigkill: kill -9 leaves no process behind, and the next one starts on the same port', async () => {
    const killed = await bench.serve({ ...served.env });
    const workers = killed.workers();
    expect(workers).toHaveLength(2);
    killed.banyan.child.kill('SIGKILL');
    await until(() => !workers.some(isAlive), 'the workers to have gone', 8_000);
    const next = await bench.serve({ ...served.env, WORKERS: '1' });
    expect((await status(next, '/')).status).toBe(200);
    next.banyan.child.kill('SIGKILL');
  }, 60_000);
});

async function drainWell(served: Served, processes: number): Promise<void> {
  const idle = connect(served.gatewayPort, '127.0.0.1');
  const idleGone = new Promise((resolve) => idle.once('close', resolve));
  const before = arrived;
  const inFlight = Array.from({ length: 20 }, () => get(served, '/held/'));
  await untilAsked(before, 20);
  served.banyan.child.kill('SIGTERM');
  await untilStopping(served, processes);
  const readiness = await served.admin('/readyz');
  expect(readiness.status).toBe(503);
  expect(await readiness.json()).toMatchObject({ parts: { gateway: { detail: 'stopping on SIGTERM' } } });
  release();
  const answers = await Promise.all(inFlight);
  expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(200));
  expect(answers.every((answer) => answer.headers.get('connection') === 'close')).toBe(true);
  await idleGone;
  expect(await served.banyan.exited).toBe(0);
  expect((await status(served, '/')).status).toBe(0);
  expect(served.lines().findLast(({ event }) => event === 'stopped')).toMatchObject({ inFlight: 0 });
}

test('row-121-drain: one process does the same, and is not ready from the signal on', async () => {
  await drainWell(await bench.serve(), 1);
}, 40_000);

test('row-121-drain-deadline: what does not end in SHUTDOWN_GRACE_MS is cut off, and told', async () => {
  const served = await bench.serve({ SHUTDOWN_GRACE_MS: '300' });
  const before = arrived;
  const hanging = status(served, '/never/');
  await untilAsked(before, 1);
  const beganMs = performance.now();
  served.banyan.child.kill('SIGTERM');
  expect((await hanging).status).toBe(0);
  expect(await served.banyan.exited).toBe(0);
  expect(performance.now() - beganMs).toBeLessThan(6_000);
  expect(served.lines().find(({ event }) => event === 'stopped')).toMatchObject({ inFlight: 1 });
}, 40_000);

test('row-122-second-signal: a second SIGTERM ends it at once', async () => {
  const served = await bench.serve();
  const before = arrived;
  const hanging = status(served, '/never/');
  await untilAsked(before, 1);
  served.banyan.child.kill('SIGTERM');
  await untilStopping(served, 1);
  served.banyan.child.kill('SIGTERM');
  expect(await served.banyan.exited).toBe(143);
  await hanging;
}, 40_000);

test('row-121-upgrade: a new one is started beside the old, which then drains, and no request is lost', async () => {
  const old = await bench.serve();
  const second = runBanyan(['serve'], old.env);
  expect(await second.exited).toBe(1);
  expect(second.err()).toMatch(/^Port \d+ on 127.0.0.1 is taken/);
  const statuses: number[] = [];
  let isOver = false;
  const clients = Array.from({ length: 8 }, async () => {
    while (!isOver) statuses.push((await status(old, '/slow/5/')).status);
  });
  const next = await bench.serve({ ...old.env }, ['serve', '--beside']);
  await wait(200);
  old.banyan.child.kill('SIGTERM');
  expect(await old.banyan.exited).toBe(0);
  await wait(200);
  isOver = true;
  await Promise.all(clients);
  expect(statuses.length).toBeGreaterThan(50);
  expect(statuses.filter((each) => each !== 200)).toEqual([]);
  next.banyan.child.kill('SIGKILL');
}, 60_000);

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
  rmSync(PROFILE_DIR, { recursive: true });
  served.banyan.child.kill('SIGKILL');
}, 60_000);
