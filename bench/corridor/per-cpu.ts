// Closed loop: everybody asks again as soon as an answer is there, so that the proxy's core is busy, and the question is what it carries.
import { interleave } from '../interleave.ts';
import type { Load } from '../load/index.ts';
import {
  askDirectly,
  askThrough,
  failedRow,
  noteTrouble,
  perCpuS,
  perSecond,
  ratioRow,
  tellLoad,
  tellRow,
} from '../measure.ts';
import { readRssBytes } from '../meter.ts';
import type { Rig, Row } from '../part.ts';
import type { PeerName } from '../peers/index.ts';
import { ratioOf, spreadOf } from '../spread.ts';
import type { Contestant, Missing, Stand } from '../stand.ts';
import { BOUNDS } from './contestants.ts';

/**
 * Many short stretches tell more than a few long ones: what disturbs a machine lasts for seconds, and who is compared with whom must be
 * asked within the same ones. With one stretch of 700 ms a round the same code came to 3.9 × and 5.4 × its peer on one day.
 */
const TIMES = { warmMs: 100, ms: 350 } as const;
const STRETCHES_PER_ROUND = 2;
/** The just-in-time compilers have seen everything by then. */
const FIRST_MS = { short: 2_000, full: 4_000 } as const;
/** Of ours, with so much more code, after so long: a request took 143 µs after 5 s, 117 µs after 8 s, and no less from then on. */
const OUR_FIRST_MS = { short: 6_000, full: 12_000 } as const;
const BYTES_PER_MB = 1_024 ** 2;

export type PerCpu = Readonly<{
  rows: readonly Row[];
  /** Requests a second that Banyan carries. */
  ourMost: number;
}>;

/** `variants` are measured beside the stand's contestants, and judged by nobody. */
export async function comparePerCpu(
  rig: Rig,
  stand: Stand,
  crowd: string,
  variants: readonly Contestant[],
): Promise<PerCpu> {
  const contestants = [...stand.contestants, ...variants];
  const asking = { crowd, pace: { kind: 'closed' }, ...TIMES } as const;
  const first = { ...asking, warmMs: FIRST_MS[rig.mode], ms: 200 };
  const ourFirst = { ...first, warmMs: OUR_FIRST_MS[rig.mode] };
  await askDirectly(stand, first);
  const direct = [await askDirectly(stand, asking), await askDirectly(stand, asking)];
  for (const contestant of contestants)
    await askThrough(stand, contestant, isPeer(contestant) ? first : ourFirst);
  const seen = await interleave(contestants, rig.rounds * STRETCHES_PER_ROUND, async (contestant) => {
    const load = await askThrough(stand, contestant, asking);
    contestant.tidy();
    rig.say(tellLoad(contestant.name, load));
    return load;
  });
  const loadsOf = (contestant: Contestant) => seen.get(contestant) ?? [];
  const [banyan, ...others] = contestants;
  const ours = banyan ? loadsOf(banyan) : [];
  return {
    ourMost: spreadOf(ours.map(perSecond))?.median ?? Number.NaN,
    rows: [
      ...others.filter(isPeer).map((peer) => compare(peer.name, ours, loadsOf(peer))),
      ...stand.missing.map(tellMissing),
      failedRow('failed requests, Banyan', ours),
      ...contestants.map((one) => tellPerCpu(one.name, loadsOf(one))),
      ...contestants.map(tellMemory),
      tellRow(`without any proxy (upstream: ${stand.upstream.name})`, 'req/s', direct, perSecond),
      ...others.filter(({ name }) => name === 'bare undici').map((peer) => tellNoise(loadsOf(peer))),
    ],
  };
}

const isPeer = (contestant: Contestant): contestant is Contestant & { name: PeerName } =>
  contestant.name in BOUNDS;

const compare = (name: PeerName, ours: readonly Load[], theirs: readonly Load[]) =>
  ratioRow(`requests per CPU-second ÷ ${name}`, ours, theirs, perCpuS, BOUNDS[name]);

const tellMissing = ({ name, missing }: Missing): Row => ({
  what: `requests per CPU-second ÷ ${name}`,
  seen: undefined,
  unit: '×',
  note: missing,
});

const tellPerCpu = (name: string, loads: readonly Load[]) =>
  tellRow(name, 'req/CPU-s', loads, perCpuS, noteTrouble(loads));

function tellMemory({ name, server }: Contestant): Row {
  return { what: `memory, ${name}`, unit: 'MB', seen: spreadOf([readRssBytes(server.pid) / BYTES_PER_MB]) };
}

/** What this machine cannot tell apart: the same proxy, a round later. */
function tellNoise(loads: readonly Load[]): Row {
  const figures = loads.map(perCpuS);
  return {
    what: 'noise: bare undici ÷ itself a round earlier',
    unit: '×',
    seen: ratioOf(figures.slice(1), figures),
  };
}
