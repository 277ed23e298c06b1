import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../support/house.ts';
import { isAlive } from './cores.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, isGood, isLost, p99, showEnds } from './ends.ts';
import { showMs } from './figures.ts';
import type { ServeProcess } from './serve-process.ts';
import type { End, LoadAsk } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, takeIn } from './tables.ts';

const TENANTS = ['acme', 'globex', 'initech'];
const UPGRADES = 4;
const BETWEEN_MS = 2_000;
const KEPT_PER_SECOND = 120;
const OWN_PER_SECOND = 40;
const IN_FLIGHT = 10_000;
const SLOW_MS = 25_000;
const SENT_IN_MS = 10_000;
const GRACE_MS = 45_000;
const MANY = '20000';

export const drill: Drill = {
  story: `Two workers share the port. First a new Banyan is started beside the old one and the old one is told to stop (SIGTERM), ${UPGRADES} times, under
${KEPT_PER_SECOND + OWN_PER_SECOND} requests a second, on connections that are kept and on new ones. Expected: no request fails in any way. Then ${IN_FLIGHT} requests are in
flight when SIGTERM comes, and nobody is beside. Expected: each is answered; whoever comes later is not let in, rather than lost.`,
  run: (say) =>
    onStack(
      {
        table: makeTable((table) => {
          for (const feature of ['ai', 'chat']) takeIn(table, feature, TENANTS);
        }),
        env: {
          WORKERS: '2',
          TENANT_MAX_IN_FLIGHT: MANY,
          FEATURE_MAX_IN_FLIGHT: MANY,
          MAX_CONNECTIONS: MANY,
          SHUTDOWN_GRACE_MS: String(GRACE_MS),
        },
        // Answered by legacy without a look at its database, so that thousands can wait at the same time.
        legacy: { env: { LEGACY_FAULTS: `GET /healthz=slow:${SLOW_MS}` } },
      },
      async (stack) => [...(await upgrade(stack, say)), ...(await drain(stack, say))],
    ),
};

async function upgrade(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  const olds: ServeProcess[] = [];
  const upgrades = async () => {
    await wait(BETWEEN_MS);
    for (let i = 0; i < UPGRADES; i += 1) {
      const old = stack.gateway;
      await stack.startGateway(['--beside']);
      await wait(BETWEEN_MS / 2);
      old.kill();
      const beganMs = performance.now();
      say(
        `upgrade ${i + 1}: the old one ended with ${await old.gone} after ${showMs(performance.now() - beganMs)}`,
      );
      olds.push(old);
      await wait(BETWEEN_MS / 2);
    }
  };
  const ends = await askMeanwhile(stack, upgrades);
  const cut = olds.map(({ log }) => log.find('stopped').at(-1)?.inFlight);
  return [
    tell('upgrades: requests', ends.length),
    holdNone('upgrades: sent and not answered', ends, isLost),
    holdNone('upgrades: turned away before they were sent', ends, (end) => end.sentMs === undefined),
    holdNone('upgrades: answered otherwise than well', ends, (end) => end.status !== 0 && !isGood(end)),
    tell('upgrades: p99', showMs(p99(ends))),
    hold(
      'upgrades: requests cut off, as the old ones tell',
      '0 each',
      cut.join(', '),
      cut.every((count) => count === 0),
    ),
  ];
}

async function drain(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  const { gateway } = stack;
  const pids = gateway.pids();
  let inFlight = 0;
  const slow = stack.ask(
    {
      perSecond: IN_FLIGHT / (SENT_IN_MS / 1000),
      ms: SENT_IN_MS,
      seed: 'slow',
      shots: [stack.shot('acme', '/healthz')],
    },
    'slow',
  );
  let stoppedMs = Number.POSITIVE_INFINITY;
  const ends = await askMeanwhile(stack, async () => {
    const areAll = async () => {
      inFlight = (await stack.readMetrics()).sum('banyan_in_flight');
      return inFlight >= IN_FLIGHT;
    };
    await until(areAll, 'all to be in flight', SLOW_MS);
    stoppedMs = Date.now();
    gateway.kill();
    await wait(BETWEEN_MS);
  });
  const { ends: waiting } = await slow;
  const end = await gateway.gone;
  const tookMs = Date.now() - stoppedMs;
  say(`drained in ${showMs(tookMs)}: ${showEnds(waiting)}; others: ${showEnds(ends)}`);
  const left = pids.filter(isAlive).length;
  return [
    hold('SIGTERM: requests in flight', `at least ${IN_FLIGHT}`, inFlight, inFlight >= IN_FLIGHT),
    holdNone('SIGTERM: of those in flight, not answered well', waiting, (one) => !isGood(one)),
    tell('SIGTERM: others, who come and go', showEnds(ends)),
    holdNone('SIGTERM: of those, sent and not answered', ends, isLost),
    holdNone(
      'SIGTERM: of those, turned away although it was there',
      ends,
      (one) => !isGood(one) && one.endedMs < stoppedMs,
    ),
    tell('SIGTERM: drained in', showMs(tookMs)),
    hold(
      'SIGTERM: end',
      'exit code 0, 0 processes left',
      `${end}, ${left} processes left`,
      end === 0 && left === 0,
    ),
  ];
}

/** On kept connections and on new ones. */
async function askMeanwhile(stack: Stack, work: () => Promise<void>): Promise<readonly End[]> {
  const own = () => stack.askWhile(wish(stack, 'own'), work, 'own');
  const { ends, done } = await stack.askWhile(wish(stack, 'kept'), own, 'kept');
  return [...ends, ...done.ends];
}

function wish(stack: Stack, connections: 'kept' | 'own'): Omit<LoadAsk, 'port' | 'ms'> {
  const shots = TENANTS.flatMap((tenant) => [
    stack.shot(tenant, '/api/chat/channels/', { weight: 4 }),
    stack.shot(tenant, '/api/files/', { weight: 4 }),
    stack.shot(tenant, '/api/ai/completions/', { method: 'POST', body: '{"prompt":"drill {mark}"}' }),
  ]);
  const perSecond = connections === 'kept' ? KEPT_PER_SECOND : OWN_PER_SECOND;
  return { perSecond, seed: connections, shots, connections };
}
