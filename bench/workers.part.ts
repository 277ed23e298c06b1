// Does a second worker do as much as the first? Callers' connections are shared by two processes, which must not be in each other's way.
import { CALLERS, makeCallers } from './corridor/callers.ts';
import { interleave } from './interleave.ts';
import type { Load } from './load/index.ts';
import { parseCoreList } from './machine.ts';
import { askThrough, failedRow, perSecond, tellLoad, tellRow } from './measure.ts';
import type { Bound, Part, Rig, Row } from './part.ts';
import { ratioOf } from './spread.ts';
import { onStand, type Stand } from './stand.ts';

const CROWD = 'callers';
const BOUND: Bound = { kind: 'at_least', least: 1.7, aim: 1.95 };
const TIMES = { warmMs: 300, ms: 1_500 } as const;
const FIRST = { warmMs: 3_000, ms: 200 } as const;
/** Two for the workers, one for the load, one for the upstream. */
const CORES_FOR_REAL = 4;

export const workers: Part = {
  name: 'workers',
  title: 'Two workers beside one',
  run: (rig) => onStand(rig, { peers: [], callers: CALLERS, upstream: 'any' }, (stand) => run(rig, stand)),
};

async function run(rig: Rig, stand: Stand): Promise<readonly Row[]> {
  const { proxy, load } = rig.cores;
  const all = [load, proxy].filter((cores) => cores !== undefined).join(',');
  const two = await stand.addBanyan('Banyan, two workers', {
    workers: 2,
    cores: all === '' ? undefined : all,
  });
  const contestants = [...stand.contestants, two];
  await stand.load.meet(CROWD, makeCallers(stand));
  const asking = { crowd: CROWD, pace: { kind: 'closed' } } as const;
  for (const contestant of contestants) await askThrough(stand, contestant, { ...asking, ...FIRST });
  const seen = await interleave(contestants, rig.rounds, async (contestant) => {
    const load = await askThrough(stand, contestant, { ...asking, ...TIMES });
    contestant.tidy();
    rig.say(tellLoad(contestant.name, load));
    return load;
  });
  const [ofOne = [], ofTwo = []] = [...seen.values()];
  return [
    parseCoreList(all).length < CORES_FOR_REAL ? reckon(ofOne, ofTwo) : measure(ofOne, ofTwo),
    failedRow('failed requests, two workers', ofTwo),
    tellRow('one worker', 'req/s', ofOne, perSecond),
    tellRow('two workers', 'req/s', ofTwo, perSecond),
    { ...ratio('processor time of a request, two workers ÷ one', ofTwo, ofOne, perRequestS) },
    tellRow('share of the requests’ processor time in the busier worker', '%', ofTwo, busierPercent),
  ];
}

/** Cores enough for everybody: requests a second are what they are. */
const measure = (ofOne: readonly Load[], ofTwo: readonly Load[]): Row => ({
  ...ratio('requests per second, two workers ÷ one', ofTwo, ofOne, perSecond),
  bound: BOUND,
});

/**
 * Two workers on two cores leave none for load and upstream, so that what they carry a second is not theirs alone. What they would carry
 * on cores of their own is bounded by the busier of them: requests per second of its processor, with both at work at once. That
 * holds whatever makes two less than twice one: work that each request costs more, a primary in the way, an uneven deal.
 */
const reckon = (ofOne: readonly Load[], ofTwo: readonly Load[]): Row => ({
  ...ratio('requests per second of the busiest process, two workers ÷ one', ofTwo, ofOne, perBusiestS),
  bound: BOUND,
  note: 'reckoned: load and upstream share the two cores here, so that requests per second tell nothing',
});

const ratio = (
  what: string,
  some: readonly Load[],
  others: readonly Load[],
  figure: (load: Load) => number,
): Row => ({
  what,
  unit: '×',
  seen: ratioOf(some.map(figure), others.map(figure)),
});

const perBusiestS = ({ requests, cpuS }: Load) => requests / cpuS.busiest;
const perRequestS = ({ requests, cpuS }: Load) => cpuS.proxy / requests;
const busierPercent = ({ cpuS }: Load) => (cpuS.busiest / cpuS.proxy) * 100;
