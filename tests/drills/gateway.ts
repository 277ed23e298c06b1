// A gateway in a process of its own, with rehearsals whose handlers the drill can spoil; tells what it measured of itself.
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { type House, type HouseWish, openHouse } from '../../src/main.ts';
import { startProcess } from '../../src/mirror/index.ts';
import type { BanyanEvent } from '../../src/vocabulary/index.ts';
import { loadSettings } from '../support/house.ts';
import { servePart } from './part.ts';

export type GatewayWish = Pick<
  HouseWish,
  'databaseUrl' | 'legacyUrl' | 'legacyDatabaseUrl' | 'adminToken' | 'tagKeys'
> &
  Readonly<{ env: Readonly<Record<string, string>> }>;

/** What happened in the gateway since it was last asked. */
export type Seen = Readonly<{
  drops: Readonly<Record<string, number>>;
  /** By verdict, or by the reason why there was none. */
  verdicts: Readonly<Record<string, number>>;
  deaths: readonly string[];
  isRehearsing: boolean;
  isFollowing: boolean;
  swaps: number;
  /** Copies taken that have neither a verdict nor were dropped. */
  pending: number;
  /** Requests that ended in another way than with an answer. */
  unanswered: number;
  bugs: readonly string[];
  rssMb: number;
  lagP99Ms: number;
  lagMaxMs: number;
  gcMs: number;
}>;

export type GatewayAsk =
  | Readonly<{ kind: 'open'; wish: GatewayWish }>
  | Readonly<{ kind: 'look' }>
  /** Answers what has been seen, and begins anew. */
  | Readonly<{ kind: 'take' }>
  | Readonly<{ kind: 'close' }>;
export type GatewayAnswer = Readonly<{ seen: Seen; gatewayUrl: string; adminUrl: string; tookMs: number }>;

const MIB = 1024 * 1024;
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
let house: House | undefined;
const FRESH = { isRehearsing: false, isFollowing: false, swaps: 0, pending: 0 };
let state = { ...FRESH };
let counts = begin();
const bugs: string[] = [];
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) counts.gcMs += duration;
}).observe({ entryTypes: ['gc'] });
setInterval(() => {
  counts.rss = Math.max(counts.rss, process.memoryUsage.rss());
}, 100).unref();

function begin() {
  delay.reset();
  return {
    drops: {} as Record<string, number>,
    verdicts: {} as Record<string, number>,
    deaths: [] as string[],
    unanswered: 0,
    rss: process.memoryUsage.rss(),
    gcMs: 0,
  };
}

function note(event: BanyanEvent): void {
  if (event.type === 'mirror_dropped' || event.type === 'mirror_verdict') state.pending -= 1;
  if (event.type === 'mirror_dropped') count(counts.drops, event.reason);
  else if (event.type === 'mirror_verdict') count(counts.verdicts, event.reason ?? event.verdict);
  else if (event.type === 'table_swapped') state.swaps += 1;
  else if (event.type === 'follow_changed') state.isFollowing = event.state === 'following';
  else if (event.type === 'rehearsals_changed') {
    if (event.state === 'ready' || event.state === 'down') state.isRehearsing = event.state === 'ready';
    if (event.state === 'down') counts.deaths.push(event.detail);
    if (event.state === 'paused') count(counts.drops, 'pauses');
  } else if (event.type === 'request_finished') {
    if (event.reason === 'stage_shadow') state.pending += 1;
    if (event.outcome !== 'answered') counts.unanswered += 1;
  }
}

const count = (into: Record<string, number>, key: string) => {
  into[key] = (into[key] ?? 0) + 1;
};

function look(): Seen {
  const { rss, ...rest } = counts;
  return {
    ...rest,
    ...state,
    bugs: bugs.slice(0, 5),
    rssMb: Math.round(rss / MIB),
    // The histogram counts its own interval in.
    lagP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 5),
    lagMaxMs: Math.max(0, delay.max / 1e6 - 5),
  };
}

async function open({ env, ...wish }: GatewayWish): Promise<void> {
  state = { ...FRESH };
  const settings = loadSettings(env);
  const module = new URL('./bad-shadow.ts', import.meta.url);
  house = await openHouse({
    ...wish,
    settings,
    demoKeys: 'accepted',
    sink: { write: (line) => void (line.includes('"event":"bug"') && bugs.push(line)), dropped: () => 0 },
    startRehearsals: (first) => startProcess({ module, first, heapMb: settings.MIRROR_HEAP_MB }),
  });
  house.subscribe(note);
}

servePart<GatewayAsk, GatewayAnswer>(async (ask) => {
  const beganMs = performance.now();
  if (ask.kind === 'open') await open(ask.wish);
  if (ask.kind === 'close') await house?.close('drill');
  const seen = look();
  if (ask.kind === 'take') counts = begin();
  const { gatewayUrl = '', adminUrl = '' } = house ?? {};
  return { seen, gatewayUrl, adminUrl, tookMs: performance.now() - beganMs };
});
