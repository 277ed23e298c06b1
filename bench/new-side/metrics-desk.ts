// The whole gateway in this process, whose metrics can be remembering off: what its processor does beside them stays the same.
import { createWriteStream } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Listener } from '../../src/accept/index.ts';
import { createTagKeysText } from '../../src/admit/index.ts';
import { openGateway } from '../../src/doors.ts';
import { createLineSink, createObserve, type Observe } from '../../src/observe/index.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { openDefendRoom, openRooms } from '../../src/rooms.ts';
import type { BanyanEvent, Emit } from '../../src/vocabulary/index.ts';
import { servePart } from '../../tests/drills/part.ts';
import { loadSettings } from '../../tests/support/house.ts';

export type MetricsAsk =
  | Readonly<{ kind: 'open'; databaseUrl: string; legacyUrl: string; tableFile: string; logFile: string }>
  | Readonly<{ kind: 'round'; ms: number }>;
/** Processor time of a request, and of what metrics do for it. */
export type Costs = Readonly<{ requestUs: number; metricsUs: number }>;
export type MetricsAnswer = Readonly<{ port: number; pid: number; costs: Costs | undefined }>;

/** So many requests are remembered, and told again so often. */
const REMEMBERED = 1_000;
const TOLD = 20;
const SETTLE_MS = 300;

let listener: Listener;
let finished = 0;
let remembered: BanyanEvent[] = [];

servePart(async (asked: MetricsAsk): Promise<MetricsAnswer> => {
  const costs = asked.kind === 'open' ? await open(asked) : await measure(asked.ms);
  return { port: Number(new URL(listener.url).port), pid: process.pid, costs };
});

/** What all of it costs while requests come, and then their events alone: 2 % are less than what two stretches of load differ by. */
async function measure(ms: number): Promise<Costs> {
  finished = 0;
  remembered = [];
  const cpu = process.cpuUsage();
  await wait(ms);
  const requestUs = spentSince(cpu) / finished;
  await wait(SETTLE_MS);
  return { requestUs, metricsUs: tellAgain() };
}

function tellAgain(): number {
  const metrics = createMetrics(() => 0);
  const requests = remembered.filter(({ type }) => type === 'request_finished').length;
  // Once beforehand, so that there is a series for everybody, as there is after a minute's work.
  for (const event of remembered) metrics.record(event);
  const cpu = process.cpuUsage();
  for (let told = 0; told < TOLD; told += 1) for (const event of remembered) metrics.record(event);
  return spentSince(cpu) / (TOLD * requests);
}

function spentSince(cpu: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(cpu);
  return user + system;
}

async function open(asked: Extract<MetricsAsk, { kind: 'open' }>): Promise<undefined> {
  const settings = loadSettings({ BANYAN_CONFIG: asked.tableFile });
  // Its lines go where a log goes, so that they cost what they cost.
  const sink = createLineSink(createWriteStream(asked.logFile));
  const observe = createObserve({ level: 'info', sink });
  const emit: Emit = (event) => {
    if (finished < REMEMBERED) remembered.push(event);
    if (event.type === 'request_finished') finished += 1;
    observe.emit(event);
  };
  const remembering: Observe = { ...observe, emit };
  const wish = {
    settings,
    databaseUrl: asked.databaseUrl,
    legacyUrl: asked.legacyUrl,
    adminToken: 'admin-token-of-the-bench',
    tagKeys: createTagKeysText(),
    demoKeys: 'accepted',
    sink,
  } as const;
  const rooms = await openRooms(wish, remembering, [], () => openDefendRoom(settings, remembering));
  listener = await openGateway(wish, remembering, rooms, { host: '127.0.0.1', port: 0, setting: 'PORT' });
}
