import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableAt } from '../../tests/support/house.ts';
import { startDesk } from '../growth/desk.ts';
import { startLoad } from '../load/index.ts';
import { tellLoad } from '../measure.ts';
import type { Rig, Row } from '../part.ts';
import { median, spreadOf } from '../spread.ts';
import { BODY_BYTES, startUpstream } from '../upstream/index.ts';
import type { FilledStore } from './filled-store.ts';
import type { Costs, MetricsAnswer, MetricsAsk } from './metrics-desk.ts';

const CALLERS = 64;
const CROWD = 'legacy';
const BOUND = { kind: 'at_most', least: 2 } as const;
const MS = { short: 700, full: 1_500 } as const;
const FIRST_MS = 4_000;

/** What `banyan_` metrics cost a request that legacy answers: its events counted once more, beside the processor time of all of it. */
export async function measureMetrics(rig: Rig, store: FilledStore): Promise<readonly Row[]> {
  const tableFile = join(store.folder, 'metrics.config.yaml');
  writeFileSync(tableFile, tableAt('legacy'));
  const upstream = await startUpstream({ folder: store.folder, cores: rig.cores.load });
  const desk = startDesk<MetricsAsk, MetricsAnswer>(
    new URL('./metrics-desk.ts', import.meta.url),
    rig.cores.proxy,
  );
  const load = startLoad();
  try {
    const legacyUrl = `http://127.0.0.1:${upstream.port}`;
    const logFile = join(store.folder, 'metrics.jsonl');
    const { port, pid } = await desk.ask({
      kind: 'open',
      databaseUrl: store.appUrl,
      legacyUrl,
      tableFile,
      logFile,
    });
    await load.meet(CROWD, CALLERS_OF_LEGACY);
    const watched = { proxies: [pid], upstream: upstream.pid };
    const ask = (ms: number) =>
      load.ask({ ports: [port], crowd: CROWD, pace: { kind: 'closed' }, warmMs: 50, ms, watched });
    await ask(FIRST_MS);
    const seen: Costs[] = [];
    for (let round = 0; round < rig.rounds; round += 1) {
      const ms = MS[rig.mode];
      const [told, { costs }] = await Promise.all([ask(ms), desk.ask({ kind: 'round', ms })]);
      if (costs === undefined) continue;
      seen.push(costs);
      rig.say(tellLoad(showCosts(costs), told));
    }
    return [describe(seen)];
  } finally {
    await load.stop();
    await desk.stop();
    await upstream.stop();
  }
}

const CALLERS_OF_LEGACY = {
  keys: Array.from({ length: CALLERS }, () => 'byn_demo_acme'),
  targets: ['/api/auth/me/', '/api/ai/jobs/', '/api/chat/channels/', '/api/files/'].map((path) => ({
    method: 'GET' as const,
    path,
    expect: { status: 200, bodyBytes: BODY_BYTES.small },
  })),
};

const showCosts = ({ requestUs, metricsUs }: Costs) =>
  `${metricsUs.toFixed(2)} µs of ${requestUs.toFixed(0)} µs`;

function describe(seen: readonly Costs[]): Row {
  const metricsUs = median(seen.map((costs) => costs.metricsUs));
  const requestUs = median(seen.map((costs) => costs.requestUs));
  return {
    what: 'share of banyan_ metrics in the processor time of a request',
    seen: spreadOf(seen.map((costs) => (100 * costs.metricsUs) / costs.requestUs)),
    unit: '%',
    bound: BOUND,
    note: showCosts({ metricsUs, requestUs }),
  };
}
