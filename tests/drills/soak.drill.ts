import { parseArgs } from 'node:util';
import { isAlive } from './cores.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { isGood, p99, showEnds } from './ends.ts';
import { percentile, showMs, slope } from './figures.ts';
import { judgeGrowth, type Pulse, takePulse } from './pulse.ts';
import type { End, Shot } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, takeIn } from './tables.ts';

const TENANTS = ['acme', 'globex', 'initech'];
const WORKERS = 2;
const FIRST_RATE = 40;
const STEP = 1.3;
const STEP_MS = 3_000;
/** What is still called carried. */
const MOST_P99_MS = 250;
const SHARE = 0.8;
const MINUTES = 10;
const PIECE_MS = 10_000;
/** What every process has to learn anyway does not count. */
const LEARNING = 0.3;
const MOST_MB_PER_MINUTE = 1;
const MOST_GROWTH_MB = 24;
/** So that garbage is collected soon, and what grows all the same is no garbage. */
const SMALL_HEAP = '--max-old-space-size=192 --max-semi-space-size=8';

export const drill: Drill = {
  story: `Two workers carry ${SHARE * 100} % of what they can on this machine, for ${MINUTES} minutes (or --minutes N): reads and writes, both sides, streams, kept connections
and new ones, clients that go away in the middle. Expected: memory stays flat (its slope at most ${MOST_MB_PER_MINUTE} MiB a minute for each process), open files,
sockets and timers do not grow, no request fails.`,
  run: (say, argv) => {
    const table = makeTable((draft) => {
      for (const feature of ['ai', 'chat', 'login']) takeIn(draft, feature, ['acme', 'globex']);
    });
    return onStack({ table, env: { WORKERS: String(WORKERS), NODE_OPTIONS: SMALL_HEAP } }, (stack) =>
      run(stack, readMinutes(argv), say),
    );
  },
};

function readMinutes(argv: readonly string[]): number {
  const { values } = parseArgs({ args: [...argv], options: { minutes: { type: 'string' } } });
  return Number(values.minutes ?? MINUTES);
}

async function run(stack: Stack, minutes: number, say: (line: string) => void): Promise<readonly Line[]> {
  const rate = Math.round((await findRate(stack, say)) * SHARE);
  const pulses: Pulse[] = [];
  const tally = { requests: 0, left: 0, p99s: [] as number[], bad: [] as End[] };
  for (let piece = 1; piece <= (minutes * 60_000) / PIECE_MS; piece += 1) {
    const ends = await ask(stack, rate, PIECE_MS, `piece ${piece}`);
    const [pulse, left] = [await takePulse(stack), ends.filter(({ trouble }) => trouble === 'left')];
    pulses.push(pulse);
    tally.requests += ends.length;
    tally.left += left.length;
    tally.p99s.push(p99(ends));
    tally.bad.push(...ends.filter((end) => !isGood(end) && end.trouble !== 'left'));
    if (piece % 6 === 0)
      say(
        `${piece / 6} min: ${pulse.rssMb} MiB, ${pulse.handles} files and sockets, ${pulse.resources} resources, p99 ${showMs(p99(ends))}`,
      );
  }
  const lines = [
    tell('requests', `${tally.requests}, ${rate} a second`),
    tell('clients that went away in the middle', tally.left),
    hold('requests that failed or were lost', '0', showEnds(tally.bad), tally.bad.length === 0),
    tell(
      'p99, in pieces of 10 s',
      `median ${showMs(percentile(tally.p99s, 0.5))}, at most ${showMs(Math.max(...tally.p99s))}`,
    ),
    ...judgeMemory(pulses.slice(Math.floor(pulses.length * LEARNING))),
  ];
  return [...lines, ...(await judgeRest(stack))];
}

/** Ever more a second, until it is too much; answers the last rate that was carried. */
async function findRate(stack: Stack, say: (line: string) => void): Promise<number> {
  let carried = FIRST_RATE;
  await ask(stack, FIRST_RATE, STEP_MS, 'warm');
  for (let rate = FIRST_RATE; ; rate *= STEP) {
    const ends = await ask(stack, rate, STEP_MS, `rate ${Math.round(rate)}`);
    const isCarried = p99(ends) <= MOST_P99_MS && ends.every((end) => isGood(end) || end.trouble === 'left');
    say(`${Math.round(rate)} a second: p99 ${showMs(p99(ends))}, ${showEnds(ends)}`);
    if (!isCarried) return carried;
    carried = rate;
  }
}

async function ask(stack: Stack, perSecond: number, ms: number, seed: string): Promise<readonly End[]> {
  const shots = TENANTS.flatMap((tenant) => listShots(stack, tenant));
  const [kept, own] = await Promise.all([
    stack.ask({ perSecond: perSecond * 0.9, ms, seed, shots }, 'kept'),
    stack.ask({ perSecond: perSecond * 0.1, ms, seed, shots, connections: 'own' }, 'own'),
  ]);
  return [...kept.ends, ...own.ends];
}

function listShots(stack: Stack, tenant: string): readonly Shot[] {
  const reads = [
    '/api/chat/channels/',
    '/api/chat/channels/1/messages/',
    '/api/files/',
    '/api/files/1/content/',
    '/api/auth/me/',
  ];
  const post = { method: 'POST', body: '{"prompt":"soak {mark}"}' } as const;
  const stream = { method: 'POST', body: '{"prompt":"soak {mark}","stream":true}' } as const;
  return [
    ...reads.map((target) => stack.shot(tenant, target, { weight: 8 })),
    stack.shot(tenant, '/api/ai/completions/', post),
    stack.shot(tenant, '/api/ai/completions/', stream),
    stack.shot(tenant, '/api/ai/completions/', { ...stream, leavesAfterMs: 25 }),
    stack.shot(tenant, '/api/files/1/content/', { leavesAfterMs: 3 }),
  ];
}

function judgeMemory(pulses: readonly Pulse[]): readonly Line[] {
  const perMinute = slope(pulses.map(({ atMs, rssMb }) => [atMs / 60_000, rssMb] as const));
  const processes = WORKERS + 1;
  const seen = `${perMinute.toFixed(2)} MiB a minute, in ${processes} processes together`;
  const most = MOST_MB_PER_MINUTE * processes;
  return [
    hold('memory: slope', `at most ${most} MiB a minute`, seen, perMinute <= most),
    ...judgeGrowth(pulses, MOST_GROWTH_MB * processes),
  ];
}

async function judgeRest(stack: Stack): Promise<readonly Line[]> {
  const { gateway } = stack;
  const inFlight = (await stack.readMetrics()).sum('banyan_in_flight');
  const told = [...gateway.log.find('bug').map(({ error }) => String(error)), ...gateway.log.words];
  const pids = gateway.pids();
  gateway.kill();
  const end = await gateway.gone;
  const left = pids.filter(isAlive).length;
  return [
    hold('still in flight when nobody asks any more', '0', inFlight, inFlight === 0),
    hold('bugs and warnings told', '0', `${told.length} ${told[0] ?? ''}`.trim(), told.length === 0),
    hold(
      'afterwards SIGTERM ends it',
      'exit code 0, 0 processes left',
      `${end}, ${left} processes left`,
      end === 0 && left === 0,
    ),
  ];
}
