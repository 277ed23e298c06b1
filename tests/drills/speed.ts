import { BADNESS, type Badness } from './badness.ts';
import { hold, type Line, tell } from './drill.ts';
import { median, percentile, showMs, showRatio } from './figures.ts';
import { compareHalves, compareNeighbours, comparePooled, type Stretch } from './ratio.ts';
import { countStrangers, isOff, isOn, isUndisturbed, type Round } from './round.ts';

const WISHED = 0.05;
const P99 = 0.99;
/** Ten kinds are judged by two rounds each: by what four rounds of five keep to, every third run would find a harm that is none. */
const USUAL = 0.95;

type Measured = Stretch & Readonly<{ round: Round }>;

const measure = (round: Round): Measured => ({
  kind: isOff(round) ? 'calm' : 'bad',
  figure: percentile(round.load.latenciesMs, P99),
  round,
});

/**
 * Each round's p99 against the two rounds without mirroring around it. The same is done with those themselves: what they differ by is
 * what this machine cannot tell apart, and nothing smaller can be asked of the others.
 */
export function judgeSpeed(all: readonly Round[]): readonly Line[] {
  const rounds = all.filter(isUndisturbed);
  const measured = rounds.map(measure);
  const off = measured.filter(({ round }) => isOff(round));
  const figures = off.map(({ figure }) => figure);
  const noise = compareNeighbours(off, off).map((ratio) => Math.abs(ratio - 1));
  const [single, halves] = [percentile(noise, USUAL), compareHalves(figures)];
  const range = `${showMs(Math.min(...figures))} to ${showMs(Math.max(...figures))}`;
  const on = measured.filter(({ round }) => isOn(round));
  return [
    tell('p99 without mirroring', `${showMs(median(figures))}, median of ${off.length} rounds: ${range}`),
    tell('p99 without mirroring against itself', `every other round against the rest ± ${showShare(halves)}`),
    tell('', `nineteen rounds of twenty against their neighbours within ± ${showShare(single)}`),
    tell(
      'all requests of these rounds together',
      `${pool(rounds.filter(isOn))}; without ${pool(rounds.filter(isOff))}`,
    ),
    tell(
      'processors used by strangers',
      `${median(rounds.map(countStrangers)).toFixed(1)} at a time; ${all.length - rounds.length} rounds in which it was more are left out`,
    ),
    judgeTogether('p99 with mirroring, whatever handlers do', rounds, isOn),
    tell('the same, each round against its neighbours', showNeighbours(compareNeighbours(on, measured))),
    ...judgeGood(rounds),
    ...(Object.keys(BADNESS) as Badness[]).flatMap((kind) => {
      if (kind === 'good') return [];
      const own = measured.filter(({ round }) => round.kind === kind);
      if (!all.some((round) => round.kind === kind)) return [];
      return judgeKind(`p99 with ${BADNESS[kind]}`, compareNeighbours(own, measured), single);
    }),
  ];
}

/** `p99 8.1 ms, p99.9 12.0 ms` of some rounds’ requests. */
function pool(rounds: readonly Round[]): string {
  const latenciesMs = rounds.flatMap(({ load }) => [...load.latenciesMs]);
  return `p99 ${showMs(percentile(latenciesMs, P99))}, p99.9 ${showMs(percentile(latenciesMs, 0.999))}`;
}

const showShare = (share: number) => `${(share * 100).toFixed(1)} %`;

const showNeighbours = (ratios: readonly number[]) =>
  `${showRatio(median(ratios))} (${showRatio(Math.min(...ratios))} to ${showRatio(Math.max(...ratios))} in ${ratios.length} rounds)`;

/** A pause of some 40 ms of any process on the way decides a round's p99, so that it takes all rounds together to tell a few percent. */
function judgeTogether(what: string, rounds: readonly Round[], wished: (round: Round) => boolean): Line {
  const take = (is: (round: Round) => boolean) => rounds.filter(is).map(({ load }) => load.latenciesMs);
  const { ratio, low, high } = comparePooled(take(wished), take(isOff), P99);
  const seen = `${showRatio(ratio)} (${showRatio(low)} to ${showRatio(high)} by drawing rounds anew)`;
  return hold(what, `${showRatio(1 + WISHED)}, as far as can be told`, seen, low <= 1 + WISHED);
}

function judgeGood(rounds: readonly Round[]): readonly Line[] {
  const isGood = ({ kind }: Round) => kind === 'good';
  if (!rounds.some(isGood)) return [];
  return [
    judgeTogether(`p99 with ${BADNESS.good}, all rounds together`, rounds, isGood),
    tell('the same', pool(rounds.filter(isGood))),
  ];
}

/** A few rounds say little: what harms users does so in every one of them, beyond what rounds differ by anyway. */
function judgeKind(what: string, ratios: readonly number[], noise: number): Line {
  const least = Math.min(...ratios);
  const allowed = 1 + Math.max(WISHED, noise);
  const seen = `${ratios.map(showRatio).join(', ')}`;
  return hold(what, `not always over ${showRatio(allowed)}`, seen, least <= allowed);
}
