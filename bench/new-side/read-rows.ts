import { type Desk, startDesk } from '../growth/desk.ts';
import type { Rig, Row } from '../part.ts';
import { median, ratioOf } from '../spread.ts';
import type { FilledStore } from './filled-store.ts';
import { CASES, type Case, nameRead, type ReadAnswer, type ReadAsk, WAYS, type Way } from './reads.ts';

const BOUND = { kind: 'at_most', least: 2.5 } as const;
const READS = { short: 400, full: 1_600 } as const;
/** Until nothing gets faster any more. */
const WARM_ROUNDS = 2;

/** µs of processor by the name of the case, one for each round. */
type Costs = ReadonlyMap<string, readonly number[]>;

/** What one tenant's rows cost to read: through the store, and by the driver alone. */
export async function measureReads(rig: Rig, { appUrl }: FilledStore): Promise<readonly Row[]> {
  const desk = startDesk<ReadAsk, ReadAnswer>(new URL('./read-desk.ts', import.meta.url), rig.cores.proxy);
  try {
    await desk.ask({ kind: 'open', url: appUrl });
    const costs = await runRounds(rig, desk);
    return CASES.flatMap((one) => describeCase(costs, one));
  } finally {
    await desk.stop();
  }
}

async function runRounds({ mode, rounds, say }: Rig, desk: Desk<ReadAsk, ReadAnswer>): Promise<Costs> {
  const costs = new Map<string, number[]>();
  for (let round = -WARM_ROUNDS; round < rounds; round += 1) {
    const seen = await desk.ask({ kind: 'round', reads: READS[mode] });
    if (round < 0) continue;
    for (const [name, us] of seen) costs.set(name, [...(costs.get(name) ?? []), us]);
    say(
      CASES.map(
        (one) =>
          `${nameCase(one)}: ${WAYS.map((way) => seen.get(nameRead(one, way))?.toFixed(0)).join(' / ')} µs`,
      ).join('; '),
    );
  }
  return costs;
}

function describeCase(costs: Costs, one: Case): readonly Row[] {
  const of = (way: Way) => costs.get(nameRead(one, way)) ?? [];
  const note = (way: Way) =>
    `${median(of(way)).toFixed(0)} µs of processor ÷ ${median(of('pg')).toFixed(0)} µs`;
  return [
    {
      what: `${nameCase(one)}: the store ÷ pg alone`,
      seen: ratioOf(of('store'), of('pg')),
      unit: '×',
      bound: BOUND,
      note: note('store'),
    },
    {
      what: `${nameCase(one)}: Prisma as its documentation has it ÷ pg alone`,
      seen: ratioOf(of('plain'), of('pg')),
      unit: '×',
      note: note('plain'),
    },
  ];
}

const nameCase = ({ read, callers }: Case) =>
  `${read === 'row' ? 'one row' : 'a page of 20 rows'}, ${callers === 1 ? 'one caller' : `${callers} callers at once`}`;
