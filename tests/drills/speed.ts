import { BADNESS, type Badness } from './badness.ts';
import { hold, type Line, tell } from './drill.ts';
import { median, percentile, showMs, showRatio } from './figures.ts';
import { isOff, isOn, type Round } from './round.ts';

const WISHED = 0.05;
const P99 = 0.99;

const measure = ({ load }: Round) => percentile(load.latenciesMs, P99);

/**
 * Each round's p99 against the two rounds without mirroring around it. The same is done with those themselves: what they differ by is
 * what this machine cannot tell apart, and nothing smaller can be asked of the others.
 */
export function judgeSpeed(rounds: readonly Round[]): readonly Line[] {
  const off = rounds.filter(isOff);
  const figures = off.map(measure);
  const noise = compareNeighbours(off, off).map((ratio) => Math.abs(ratio - 1));
  const [single, halves] = [percentile(noise, 0.8), compareHalves(figures)];
  const range = `${showMs(Math.min(...figures))} to ${showMs(Math.max(...figures))}`;
  const all = compareNeighbours(rounds.filter(isOn), rounds);
  return [
    tell('p99 without mirroring', `${showMs(median(figures))}, median of ${off.length} rounds: ${range}`),
    tell('p99 without mirroring against itself', `every other round against the rest ± ${showShare(halves)}`),
    tell('', `four rounds of five against their neighbours within ± ${showShare(single)}`),
    tell('processors used by strangers', `${median(rounds.map(countStrangers)).toFixed(1)} at a time`),
    judge('p99 with mirroring, whatever handlers do', all, Math.max(WISHED, halves)),
    ...(Object.keys(BADNESS) as Badness[]).map((kind) => {
      const own = rounds.filter((round) => round.kind === kind);
      return judge(`p99 with ${BADNESS[kind]}`, compareNeighbours(own, rounds), Math.max(WISHED, single));
    }),
  ];
}

const showShare = (share: number) => `${(share * 100).toFixed(1)} %`;

function judge(what: string, ratios: readonly number[], allowed: number): Line {
  const middle = median(ratios);
  const range = `${showRatio(Math.min(...ratios))} to ${showRatio(Math.max(...ratios))}`;
  const seen = `${showRatio(middle)} (${range} in ${ratios.length} rounds)`;
  return hold(what, `at most ${showRatio(1 + allowed)}`, seen, middle <= 1 + allowed);
}

/** Ratios of the p99 of some rounds to the mean of the nearest rounds without mirroring before and after. */
function compareNeighbours(some: readonly Round[], among: readonly Round[]): readonly number[] {
  return some.flatMap((round) => {
    const at = among.indexOf(round);
    const before = among.slice(0, at).findLast(isOff);
    const after = among.slice(at + 1).find(isOff);
    return before && after ? [measure(round) / ((measure(before) + measure(after)) / 2)] : [];
  });
}

function compareHalves(figures: readonly number[]): number {
  const [even = 0, odd = 1] = [0, 1].map((half) => median(figures.filter((_, i) => i % 2 === half)));
  return Math.abs(even / odd - 1);
}

function countStrangers({ cores: { all, ...ours } }: Round): number {
  return Object.values(ours).reduce((rest, one) => rest - one, all);
}
