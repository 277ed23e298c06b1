import { runTraffic, type TrafficRun } from '../shadow/run-traffic.ts';
import { type ShadowHouse, startShadowHouse } from '../shadow/shadow-house.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';

const REQUESTS = 50_000;
const TENANTS = 4;
const CONCURRENCY = 8;
/** About a quarter of them write. As many as the rehearsals of one small machine keep up with. */
const RATE_PER_S = 60;
const MOST_NOT_COMPARED = 0.02;

export const drill: Drill = {
  story: `${REQUESTS} requests of mixed traffic over all routes and ${TENANTS} tenants, ${CONCURRENCY} at a time, readers and writers; every
route is at stage shadow and every handler is correct. Nothing may be reported as different.`,
  run: async (say) => {
    const shadow = await startShadowHouse(TENANTS);
    try {
      const wish = { seed: 'silence', requests: REQUESTS, concurrency: CONCURRENCY, ratePerS: RATE_PER_S };
      const run = await runTraffic(shadow, {
        ...wish,
        progress: (answered) => say(tellProgress(shadow, answered)),
      });
      return [...judge(run), ...(await judgeLedger(shadow))];
    } finally {
      await shadow.house.close();
    }
  },
};

function tellProgress({ verdicts }: ShadowHouse, answered: number): string {
  const of = (verdict: string) => verdicts.told.filter((one) => one.verdict === verdict).length;
  return `${answered} answered: ${of('same')} same, ${of('different')} different, ${of('not_compared')} not compared, ${verdicts.dropped.length} dropped`;
}

function judge(run: TrafficRun): readonly Line[] {
  const paths = new Set(
    run.different.flatMap(({ routeId, paths }) => paths.map((path) => `${routeId} ${path}`)),
  );
  const percent = (run.notComparedShare * 100).toFixed(2);
  return [
    tell('requests', run.requests),
    tell('comparisons', run.judged),
    tell('same', run.same),
    hold(
      'different',
      '0',
      `${run.different.length} ${[...paths].join(', ')}`.trim(),
      run.different.length === 0,
    ),
    hold('not compared', 'under 2 %', `${percent} %`, run.notComparedShare < MOST_NOT_COMPARED),
    ...tellEach('not compared', run.notCompared),
    ...tellEach('dropped', run.dropped),
    tell('duration', `${Math.round(run.seconds)} s`),
  ];
}

const tellEach = (what: string, counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).map(([reason, count]) => tell(`  ${what}: ${reason}`, count));

async function judgeLedger(shadow: ShadowHouse): Promise<readonly Line[]> {
  const routes = await shadow.readLedger();
  const groups = routes.flatMap(({ groups }) => groups);
  const counted = groups.filter(({ counts }) => counts);
  const noise = groups.filter(({ counts }) => !counts).map(({ route, path }) => `${route} ${path}`);
  return [
    hold('groups that count in the ledger', '0', counted.length, counted.length === 0),
    tell('groups of noise in the ledger', noise.join(', ') || 0),
    ...routes.map(({ route, verdict }) => tell(`  ${route}`, verdict.sentence)),
  ];
}
