// Does a second worker do as much as the first? Callers' connections are shared by two processes, which must not be in each other's way.
import { CALLERS, makeCallers } from './corridor/callers.ts';
import { interleave } from './interleave.ts';
import type { Load } from './load/index.ts';
import { parseCoreList } from './machine.ts';
import { askThroughAll, failedRow, perSecond, tellLoad, tellRow } from './measure.ts';
import type { Bound, Part, Rig, Row } from './part.ts';
import { ratioOf } from './spread.ts';
import { type Contestant, onStand, type Stand } from './stand.ts';

const CROWD = 'callers';
const BOUND: Bound = { kind: 'at_least', least: 1.7, aim: 1.95 };
const TIMES = { warmMs: 300, ms: 1_500 } as const;
const FIRST = { warmMs: 3_000, ms: 200 } as const;
/** Two for the workers, one for the load, one for the upstream. */
const CORES_FOR_REAL = 4;
/** What two gateways carry that know nothing of each other. */
const TWICE = 2;

export const workers: Part = {
  name: 'workers',
  title: 'Two workers beside one',
  run: (rig) => onStand(rig, { peers: [], callers: CALLERS, upstream: 'any' }, (stand) => run(rig, stand)),
};

async function run(rig: Rig, stand: Stand): Promise<readonly Row[]> {
  const { proxy, load } = rig.cores;
  const all = [load, proxy].filter((cores) => cores !== undefined).join(',');
  const cores = all === '' ? undefined : all;
  const two = await stand.addBanyan('Banyan, two workers', { workers: 2, cores });
  const pair = [
    await stand.addBanyan('Banyan, one', { cores }),
    await stand.addBanyan('Banyan, another', { cores }),
  ];
  const contestants: readonly (readonly Contestant[])[] = [stand.contestants, [two], pair];
  await stand.load.meet(CROWD, makeCallers(stand));
  const asking = { crowd: CROWD, pace: { kind: 'closed' } } as const;
  for (const contestant of contestants) await askThroughAll(stand, contestant, { ...asking, ...FIRST });
  const seen = await interleave(contestants, rig.rounds, async (contestant) => {
    const load = await askThroughAll(stand, contestant, { ...asking, ...TIMES });
    for (const one of contestant) one.tidy();
    rig.say(tellLoad(contestant.map(({ name }) => name).join(' and '), load));
    return load;
  });
  const [ofOne = [], ofTwo = [], ofPair = []] = [...seen.values()];
  return [
    parseCoreList(all).length < CORES_FOR_REAL ? reckon(ofPair, ofTwo) : measure(ofOne, ofTwo),
    failedRow('failed requests, two workers', ofTwo),
    tellRow('one worker', 'req/s', ofOne, perSecond),
    tellRow('two workers', 'req/s', ofTwo, perSecond),
    ratio('processor time of a request, two workers ÷ one', ofTwo, ofOne, perRequestS),
    ratio('processor time of a request, two workers ÷ two gateways', ofTwo, ofPair, perRequestS),
    tellRow('share of the requests’ processor time in the busier worker', '%', ofTwo, busierPercent),
  ];
}

/** Cores enough for everybody: requests a second are what they are. */
const measure = (ofOne: readonly Load[], ofTwo: readonly Load[]): Row => ({
  ...ratio('requests per second, two workers ÷ one', ofTwo, ofOne, perSecond),
  bound: BOUND,
});

/**
 * Two workers on two cores leave none for load and upstream, and take from each other what two threads of a core share: what they carry is
 * not theirs alone. So they are put beside two gateways that know nothing of each other, in the same place and under the same load, which
 * carry twice as much as one by themselves. What is left is what workers add: a port that is shared, a primary, an uneven deal.
 */
const reckon = (ofPair: readonly Load[], ofTwo: readonly Load[]): Row => ({
  what: 'two workers ÷ one, by the busier process',
  unit: '×',
  seen: ratioOf(
    ofTwo.map((load) => TWICE * perBusiestS(load)),
    ofPair.map(perBusiestS),
  ),
  bound: BOUND,
  note: 'reckoned beside two gateways of one worker each: load and upstream share the two cores here',
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
