import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../support/house.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, isGood, p99 } from './ends.ts';
import { showMs } from './figures.ts';
import { judgeGrowth, type Pulse, takePulse } from './pulse.ts';
import type { End } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, takeIn } from './tables.ts';

const TENANTS = ['acme', 'globex', 'initech'];
const CHANGES = 1_000;
const STORMS = 5;
const EVERY_MS = 40;
const PER_SECOND = 80;
const WORKERS = 2;
/** What the table's watcher promises: a rest of 250 ms after each look. */
const MOST_PER_SECOND = 4;
/** One in so many is no table at all. */
const BAD_EVERY = 10;
const MOST_DELAY_MS = 1_000;
/** So that garbage is collected soon, and what grows all the same is no garbage. */
const SMALL_HEAP = '--max-old-space-size=128 --max-semi-space-size=8';
/** Of each process, from the second and third storm to the last two. */
const MOST_GROWTH_MB = 16;

export const drill: Drill = {
  story: `The route table is changed ${CHANGES} times, every ${EVERY_MS} ms, under ${PER_SECOND} requests a second; one in ${BAD_EVERY} of the changes is no table at all. Expected: no
request fails, each is answered by one of the tables that were good; at most ${MOST_PER_SECOND} reloads a second in each process; the last table is in
force within a second everywhere; nothing piles up.`,
  run: (say) =>
    onStack(
      { table: describeTable(0), env: { WORKERS: String(WORKERS), NODE_OPTIONS: SMALL_HEAP } },
      (stack) => run(stack, say),
    ),
};

/** Each is another one: other tenants are moved, other times and limits hold. */
function describeTable(change: number): string {
  if (change % BAD_EVERY === BAD_EVERY - 1) return `version: 1\nroutes: [{ id: storm-${change}, match: `;
  return makeTable((table) => {
    takeIn(table, 'chat', TENANTS.slice(0, change % (TENANTS.length + 1)));
    Object.assign(table.features.chat ?? {}, { max_in_flight: 100 + change });
    for (const route of table.routes) route.timeout_ms = 20_000 + change;
  });
}

async function run(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  await ask(stack, 'warm', async () => undefined);
  const pulses: Pulse[] = [];
  const swaps: number[] = [];
  const all: End[] = [];
  let tookMs = 0;
  for (let storm = 0; storm < STORMS; storm += 1) {
    const before = count(stack);
    const beganMs = performance.now();
    all.push(...(await ask(stack, `storm ${storm}`, () => blow(stack, storm))));
    tookMs += performance.now() - beganMs;
    swaps.push(count(stack) - before);
    // What is left over is swept together by then.
    await wait(1_000);
    const pulse = await takePulse(stack);
    pulses.push(pulse);
    say(
      `${CHANGES / STORMS} changes: ${swaps.at(-1)} reloads in ${WORKERS + 1} processes; ${pulse.rssMb} MiB, ${pulse.handles} files and sockets`,
    );
  }
  return judge({ stack, all, swaps, pulses, tookMs, delayMs: await measureDelay(stack) });
}

async function ask(stack: Stack, seed: string, work: () => Promise<void>): Promise<readonly End[]> {
  const shots = TENANTS.flatMap((tenant) =>
    ['/api/chat/channels/', '/api/files/', '/api/ai/jobs/'].map((target) => stack.shot(tenant, target)),
  );
  return (await stack.askWhile({ perSecond: PER_SECOND, seed, shots }, work)).ends;
}

async function blow(stack: Stack, storm: number): Promise<void> {
  const first = 1 + (storm * CHANGES) / STORMS;
  for (let change = first; change < first + CHANGES / STORMS; change += 1) {
    stack.writeTable(describeTable(change));
    await wait(EVERY_MS);
  }
}

const count = ({ gateway }: Stack) => gateway.log.find('table_swapped').length;

/** In how many ms a last table is in force in every process. */
async function measureDelay(stack: Stack): Promise<number> {
  const revisions = () =>
    new Map(stack.gateway.log.find('table_swapped').map((line) => [line.worker, line.revision]));
  const before = new Set(revisions().values());
  const beganMs = performance.now();
  stack.writeTable(describeTable(CHANGES + BAD_EVERY));
  const isEverywhere = () => {
    const now = [...revisions().values()];
    return now.length === WORKERS + 1 && new Set(now).size === 1 && !before.has(now[0]);
  };
  await until(isEverywhere, 'the last table to be in force everywhere', 10_000);
  return performance.now() - beganMs;
}

type Storm = Readonly<{
  stack: Stack;
  all: readonly End[];
  swaps: readonly number[];
  pulses: readonly Pulse[];
  tookMs: number;
  delayMs: number;
}>;

function judge({ stack, all, swaps, pulses, tookMs, delayMs }: Storm): readonly Line[] {
  const { log } = stack.gateway;
  const perSecond = swaps.reduce((sum, some) => sum + some, 0) / (WORKERS + 1) / (tookMs / 1000);
  const refused = log.find('table_refused').length;
  const [bugs, words] = [log.find('bug'), log.words];
  return [
    holdNone('requests that failed', all, (end) => !isGood(end)),
    tell('p99', showMs(p99(all))),
    hold(
      'reloads a second, in each process',
      `at most ${MOST_PER_SECOND}`,
      perSecond.toFixed(1),
      perSecond <= MOST_PER_SECOND,
    ),
    hold('bad tables refused', 'some', `${refused} times, in all processes`, refused > 0),
    hold(
      'the last table in force everywhere',
      `within ${MOST_DELAY_MS} ms`,
      showMs(delayMs),
      delayMs <= MOST_DELAY_MS,
    ),
    // The first storm is what every process has to learn anyway.
    ...judgeGrowth(pulses.slice(1), MOST_GROWTH_MB * (WORKERS + 1)),
    hold(
      'bugs and warnings told',
      '0',
      `${bugs.length + words.length} ${words[0] ?? ''}`.trim(),
      bugs.length + words.length === 0,
    ),
  ];
}
