import { type Load, type LoadGenerator, startLoad, type Target } from '../load/index.ts';
import { failedRow, p50Ms, p99Ms, perSecond, tellLoad, tellRow } from '../measure.ts';
import type { Rig, Row } from '../part.ts';
import { median, spreadOf } from '../spread.ts';
import type { FilledStore } from './filled-store.ts';
import { findBodyBytes, type Served, serveNewSide } from './served.ts';

const CALLERS = 200;
const CROWD = 'callers';
const TENANT = 'acme';
const PATHS = [
  '/api/auth/me/',
  '/api/ai/jobs/',
  '/api/chat/channels/',
  '/api/chat/channels/1/messages/',
  '/api/files/',
];
const TIMES = { short: { warmMs: 300, ms: 1_000 }, full: { warmMs: 500, ms: 3_000 } } as const;
const FIRST = { warmMs: 3_000, ms: 100 } as const;

/** 200 callers at once, all of whom real handlers answer from the store: reads of five features. */
export async function measureCrowd(rig: Rig, store: FilledStore): Promise<readonly Row[]> {
  const served = await serveNewSide(rig, store);
  const load = startLoad();
  try {
    return await askThem(rig, store, served, load);
  } finally {
    await load.stop();
    await served.stop();
  }
}

async function askThem(
  rig: Rig,
  store: FilledStore,
  served: Served,
  load: LoadGenerator,
): Promise<readonly Row[]> {
  const key = await served.makeKey(TENANT);
  const targets = await Promise.all(PATHS.map((path) => describeTarget(served, path, key)));
  await load.meet(CROWD, { keys: Array.from({ length: CALLERS }, () => key), targets });
  const watched = { proxies: [served.pid], upstream: store.pid };
  const asking = { ports: [served.port], crowd: CROWD, watched } as const;
  await load.ask({ ...asking, ...FIRST, pace: { kind: 'closed' } });
  const [flatOut, half]: [Load[], Load[]] = [[], []];
  for (let round = 0; round < rig.rounds; round += 1) {
    flatOut.push(await load.ask({ ...asking, ...TIMES[rig.mode], pace: { kind: 'closed' } }));
    const rate = Math.round(median(flatOut.map(perSecond)) / 2);
    half.push(await load.ask({ ...asking, ...TIMES[rig.mode], pace: { kind: 'open', rate } }));
    for (const [name, loads] of [
      ['flat out', flatOut],
      ['half of that', half],
    ] as const)
      rig.say(tellLoad(name, loads.at(-1) as Load));
  }
  return describeCrowd(flatOut, half, await describeWaits(served));
}

async function describeTarget({ port }: Served, path: string, key: string): Promise<Target> {
  return { method: 'GET', path, expect: { status: 200, bodyBytes: await findBodyBytes(port, path, key) } };
}

function describeCrowd(flatOut: readonly Load[], half: readonly Load[], waits: string): readonly Row[] {
  const who = `${CALLERS} callers at once`;
  return [
    tellRow(`${who}, as fast as answers come: p99`, 'ms', flatOut, p99Ms, waits),
    tellRow(`${who}, as fast as answers come: median`, 'ms', flatOut, p50Ms),
    tellRow(`${who}, as fast as answers come`, 'req/s', flatOut, perSecond),
    tellRow(`${who}, at half of that rate: p99`, 'ms', half, p99Ms),
    { what: `${who}: processor time of a request`, unit: 'µs', seen: spreadOf(flatOut.map(requestUs)) },
    failedRow(`${who}: failed requests`, [...flatOut, ...half]),
  ];
}

const requestUs = ({ cpuS, requests }: Load) => (cpuS.proxy * 1e6) / requests;

/** From banyan_store_wait_seconds. */
async function describeWaits(served: Served): Promise<string> {
  const metric = 'banyan_store_wait_seconds';
  const all = await served.readMetric(`${metric}_count`, 'outcome="served"');
  const quick = await served.readMetric(`${metric}_bucket`, 'le="0.1",outcome="served"');
  const crowded = await served.readMetric(`${metric}_count`, 'outcome="crowded"');
  const percent = ((1 - quick / all) * 100).toFixed(2);
  return `${percent} % of ${all} transactions waited longer than 100 ms for a connection, ${crowded} got none`;
}
