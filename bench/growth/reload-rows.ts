import type { Rig, Row } from '../part.ts';
import { median, ratioOf, spreadOf } from '../spread.ts';
import { startDesk } from './desk.ts';
import type { Change, Reload, ReloadAsk } from './reload-desk.ts';
import type { Size } from './sizes.ts';

const SMALL: Size = { routes: 10, tenants: 4, flags: 1 };
const MIDDLE: Size = { routes: 200, tenants: 400, flags: 10 };
const LARGE: Size = { routes: 2_000, tenants: 4_000, flags: 50 };

/** Well under 100 ms. */
const MOST_HELD_UP_MS = 50;
const AIM_MS = 20;
/** As the route table's page promises: a second, and longer for thousands of routes. */
const mostUntilInForceMs = ({ routes }: Size) => (routes <= 200 ? 1_000 : 3_000);
/** Each takes seconds, most of which it waits. */
const MOST_ROUNDS = { short: 2, full: 5 } as const;
/** Linear, not worse: overlaps of routes were once looked for among all pairs of them. */
const MOST_GROWTH = 1.5;

type Seen = Readonly<{ ask: ReloadAsk; reloads: readonly Reload[] }>;

const CHANGES: readonly ReloadAsk[] = [
  { size: SMALL, change: 'table' },
  { size: MIDDLE, change: 'table' },
  { size: LARGE, change: 'table' },
  { size: LARGE, change: 'bad_table' },
  { size: LARGE, change: 'flags' },
];

const WORDS: Readonly<Record<Change, string>> = {
  table: 'a new table',
  bad_table: 'a table full of mistakes',
  flags: 'a new answer of Unleash',
};

export async function measureReloads({ cores, mode, rounds }: Rig): Promise<readonly Row[]> {
  const desk = startDesk<ReloadAsk, Reload>(new URL('./reload-desk.ts', import.meta.url), cores.proxy);
  const seen = CHANGES.map((ask) => ({ ask, reloads: [] as Reload[] }));
  try {
    for (let round = 0; round < Math.min(rounds, MOST_ROUNDS[mode]); round += 1)
      for (const { ask, reloads } of seen) reloads.push(await desk.ask(ask));
  } finally {
    await desk.stop();
  }
  return [
    ...seen.map(describeWait),
    ...seen.filter(({ ask }) => ask.change === 'table').map(describeForce),
    describeCpu(seen),
  ];
}

const nameChange = ({ change, size }: ReloadAsk) =>
  `${WORDS[change]}, ${size.routes.toLocaleString('en-US')} routes`;

function describeWait({ ask, reloads }: Seen): Row {
  return {
    what: `${nameChange(ask)}: requests wait`,
    seen: spreadOf(reloads.map(({ heldUpMs }) => heldUpMs)),
    unit: 'ms',
    bound: { kind: 'at_most', least: MOST_HELD_UP_MS, aim: AIM_MS },
  };
}

function describeForce({ ask, reloads }: Seen): Row {
  return {
    what: `${nameChange(ask)}: in force after`,
    seen: spreadOf(reloads.map(({ tookMs }) => tookMs)),
    unit: 'ms',
    bound: { kind: 'at_most', least: mostUntilInForceMs(ask.size) },
  };
}

function describeCpu(seen: readonly Seen[]): Row {
  const perRoute = (wished: Size) =>
    seen
      .filter(({ ask }) => ask.change === 'table' && ask.size === wished)
      .flatMap(({ ask, reloads }) => reloads.map(({ cpuMs }) => cpuMs / ask.size.routes));
  const [middle, large] = [perRoute(MIDDLE), perRoute(LARGE)];
  return {
    what: 'a new table, processor time for each route: 200 → 2,000 routes',
    seen: ratioOf(large, middle),
    unit: '×',
    bound: { kind: 'at_most', least: MOST_GROWTH },
    note: `${[middle, large].map((all) => median(all).toFixed(2)).join(', ')} ms`,
  };
}
