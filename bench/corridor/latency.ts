// Open loop: so many requests a second for everybody alike, and the question is how long they take.
import { interleave } from '../interleave.ts';
import type { Load } from '../load/index.ts';
import { askDirectly, askThrough, failedRow, p50Ms, p99Ms, ratioRow, tellLoad, tellRow } from '../measure.ts';
import type { Bound, Rig, Row } from '../part.ts';
import type { PeerName } from '../peers/index.ts';
import type { Contestant, Stand } from '../stand.ts';

/** One stall of the machine decides what one stretch sees: the middle of many is asked for. */
const TIMES = { warmMs: 200, ms: 600 } as const;
const MOST_ROUNDS = 15;

export type LatencyWish = Readonly<{
  crowd: string;
  rate: number;
  /** In words. */
  rateName: string;
  against: PeerName;
  bound: Bound;
  contestants: readonly Contestant[];
}>;

/** The first contestant is Banyan. */
export async function compareLatency(rig: Rig, stand: Stand, wish: LatencyWish): Promise<readonly Row[]> {
  const { crowd, rate, rateName, against, bound, contestants } = wish;
  const asking = { crowd, pace: { kind: 'open', rate }, ...TIMES } as const;
  const direct = [await askDirectly(stand, asking), await askDirectly(stand, asking)];
  const seen = await interleave(contestants, Math.min(rig.rounds, MOST_ROUNDS), async (contestant) => {
    const load = await askThrough(stand, contestant, asking);
    contestant.tidy();
    rig.say(tellLoad(contestant.name, load));
    return load;
  });
  const ours = [...seen.values()][0] ?? [];
  const peer = contestants.find(({ name }) => name === against);
  const what = `p99 at ${rateName} ÷ ${against}`;
  return [
    peer
      ? { ...ratioRow(what, ours, seen.get(peer) ?? [], p99Ms, bound), note: noteLateness(ours) }
      : { what, seen: undefined, unit: '×', note: whyMissing(stand, against) },
    failedRow(`failed requests at ${rateName}, Banyan`, ours),
    ...contestants.flatMap((one) => tellBoth(`${one.name} at ${rateName}`, seen.get(one) ?? [])),
    ...tellBoth(`without any proxy at ${rateName}`, direct),
  ];
}

const tellBoth = (what: string, loads: readonly Load[]): readonly Row[] => [
  tellRow(`p50, ${what}`, 'ms', loads, p50Ms),
  tellRow(`p99, ${what}`, 'ms', loads, p99Ms),
];

/** Both sides of the ratio carry this alike. */
function noteLateness(loads: readonly Load[]): string {
  const most = Math.max(...loads.map(({ lateP99Us }) => lateP99Us)) / 1_000;
  return `the load itself was up to ${most.toFixed(2)} ms late (p99), which counts`;
}

const whyMissing = ({ missing }: Stand, name: string) =>
  missing.find((one) => one.name === name)?.missing ?? 'not measured in this mode';
