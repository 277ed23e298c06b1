import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../support/house.ts';
import { isAlive } from './cores.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, isGood, isLost, nameEnd, p99, showEnds } from './ends.ts';
import { showMs } from './figures.ts';
import type { LogLine } from './log-file.ts';
import type { End, LoadAsk } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, takeIn } from './tables.ts';

const TENANTS = ['acme', 'globex', 'initech'];
const KILLS = 6;
const PER_SECOND = 150;
const OWN_PER_SECOND = 50;
const LEAD_MS = 2_000;
const LIFE_MS = 1_000;
const PATIENCE_MS = 60_000;
/** Between something and the moment at which another process has written it down. */
const LEEWAY_MS = 25;
const FIRST_REST_MS = 250;

/** One worker's end, in ms since 1970. */
type Kill = Readonly<{ pid: number; killedMs: number; goneMs: number; replacedMs: number }>;

export const drill: Drill = {
  story: `Two workers share the port, and one of them is ended by SIGKILL, ${KILLS} times, under ${PER_SECOND + OWN_PER_SECOND} requests a second: most on connections that are kept, some on
new ones each time. Expected: what is lost was in flight in the worker that died, and nothing else; another takes its place, after an ever longer rest.`,
  run: (say) =>
    onStack(
      {
        table: makeTable((table) => {
          for (const feature of ['ai', 'chat']) takeIn(table, feature, TENANTS);
        }),
        env: { WORKERS: '2' },
      },
      (stack) => run(stack, say),
    ),
};

async function run(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  const kept = stack.askWhile(
    wish(stack, 'kept'),
    () => stack.askWhile(wish(stack, 'own'), () => killAgainAndAgain(stack, say), 'own'),
    'kept',
  );
  const { ends: keptEnds, done: own } = await kept;
  const [ends, kills] = [[...keptEnds, ...own.ends], own.done];
  const deaths = (await stack.readMetrics()).sum('banyan_worker_deaths_total');
  const lines = [...judgeEnds(ends, kills), ...judgeRests(stack, kills), judgeDeaths(deaths)];
  return [...lines, await judgeEnd(stack)];
}

function wish(stack: Stack, connections: 'kept' | 'own'): Omit<LoadAsk, 'port' | 'ms'> {
  const shots = TENANTS.flatMap((tenant) => [
    stack.shot(tenant, '/api/chat/channels/', { weight: 4 }),
    stack.shot(tenant, '/api/files/', { weight: 4 }),
    stack.shot(tenant, '/api/ai/completions/', { method: 'POST', body: '{"prompt":"drill {mark}"}' }),
  ]);
  const perSecond = connections === 'kept' ? PER_SECOND : OWN_PER_SECOND;
  return { perSecond, seed: connections, shots, connections };
}

async function killAgainAndAgain(stack: Stack, say: (line: string) => void): Promise<readonly Kill[]> {
  await wait(LEAD_MS);
  const kills: Kill[] = [];
  for (let i = 0; i < KILLS; i += 1) {
    const kill = await killOne(stack, i);
    kills.push(kill);
    say(`killed process ${kill.pid}; two serve again after ${showMs(kill.replacedMs - kill.killedMs)}`);
    await wait(LIFE_MS);
  }
  return kills;
}

/** The oldest of those that serve, so that each has its turn. */
async function killOne({ gateway }: Stack, before: number): Promise<Kill> {
  const [pid] = gateway.workers();
  if (pid === undefined) throw new Error('there is no worker');
  const killedMs = Date.now();
  process.kill(pid, 'SIGKILL');
  const find = (state: string) => gateway.log.find('worker_changed').filter((line) => line.state === state);
  await until(() => find('serving').length === before + 3, 'another worker to serve', PATIENCE_MS);
  const goneMs = Date.parse(find('gone').at(-1)?.time ?? '');
  return { pid, killedMs, goneMs, replacedMs: Date.now() };
}

/** Sent before the worker had gone, and not answered when it was killed. A process that is killed takes its time to die. */
function isInFlight({ sentMs, endedMs }: End, { killedMs, goneMs }: Kill): boolean {
  return sentMs !== undefined && sentMs <= goneMs + LEEWAY_MS && endedMs >= killedMs - LEEWAY_MS;
}

function judgeEnds(ends: readonly End[], kills: readonly Kill[]): readonly Line[] {
  const lost = ends.filter(isLost);
  const inFlight = ends.filter((end) => kills.some((kill) => isInFlight(end, kill)));
  return [
    tell('requests', ends.length),
    tell('in flight when a worker died', `${inFlight.length}, in both workers together`),
    hold(
      'lost',
      'fewer than were in flight',
      `${lost.length}: ${showEnds(lost)}`,
      lost.length <= inFlight.length,
    ),
    holdNone('lost without being in flight', lost, (end) => !kills.some((kill) => isInFlight(end, kill))),
    holdNone('turned away before they were sent', ends, (end) => end.sentMs === undefined),
    holdNone('without any answer for a minute', ends, (end) => nameEnd(end) === 'no answer'),
    holdNone('answered otherwise than well', ends, (end) => end.status !== 0 && !isGood(end)),
    tell('p99 of all that were answered', showMs(p99(ends.filter(isGood)))),
  ];
}

/** The rests of each worker's place, one after the other. */
function judgeRests({ gateway }: Stack, kills: readonly Kill[]): readonly Line[] {
  const changes = gateway.log.find('worker_changed');
  const rests = [1, 2].map((worker) => {
    const own = changes.filter((line) => line.worker === worker);
    return own.flatMap((line, i) => (line.state === 'gone' ? [msBetween(line, own[i + 1])] : []));
  });
  const isLonger = rests.every((own) => own.every((ms, i) => ms >= FIRST_REST_MS * 2 ** i * 0.95));
  const slowest = Math.max(...kills.map(({ killedMs, replacedMs }) => replacedMs - killedMs));
  return [
    hold(
      'from a death to the next start',
      'at least 250 ms, then 500, 1000, …',
      rests.map((own) => own.map((ms) => Math.round(ms)).join(', ')).join(' and '),
      isLonger,
    ),
    tell('until two served again, at most', showMs(slowest)),
  ];
}

function msBetween(from: LogLine, to: LogLine | undefined): number {
  return Date.parse(to?.time ?? '') - Date.parse(from.time);
}

function judgeDeaths(deaths: number): Line {
  return hold('banyan_worker_deaths_total', String(KILLS), deaths, deaths === KILLS);
}

async function judgeEnd({ gateway }: Stack): Promise<Line> {
  const pids = gateway.pids();
  gateway.kill();
  const end = await gateway.gone;
  const left = pids.filter(isAlive).length;
  const seen = `${end}, ${left} processes left`;
  return hold('afterwards SIGTERM ends it', 'exit code 0, 0 processes left', seen, end === 0 && left === 0);
}
