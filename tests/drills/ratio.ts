import { openDie } from '../../legacy-stub/seed/random.ts';
import { hold, type Line } from './drill.ts';
import { median, percentile } from './figures.ts';

/** A figure of one stretch of time: when nothing was wrong, or while something was. */
export type Stretch = Readonly<{ kind: 'calm' | 'bad'; figure: number }>;

/** Ratios of some figures to the mean of the nearest calm ones before and after: what a machine does to all of them cancels out. */
export function compareNeighbours(some: readonly Stretch[], among: readonly Stretch[]): readonly number[] {
  const isCalm = ({ kind }: Stretch) => kind === 'calm';
  return some.flatMap((stretch) => {
    const at = among.indexOf(stretch);
    const before = among.slice(0, at).findLast(isCalm);
    const after = among.slice(at + 1).find(isCalm);
    return before && after ? [stretch.figure / ((before.figure + after.figure) / 2)] : [];
  });
}

/** By how much every other figure differs from the rest: what this machine cannot tell apart. */
export function compareHalves(figures: readonly number[]): number {
  const [even = 0, odd = 1] = [0, 1].map((half) => median(figures.filter((_, i) => i % 2 === half)));
  return Math.abs(even / odd - 1);
}

const DRAWS = 1_000;

/** A ratio, and what lies between its lowest and its highest twentieth when rounds are drawn anew (bootstrap, Efron 1979). */
export type Pooled = Readonly<{ ratio: number; low: number; high: number }>;

/** All figures of some rounds together against all of the calm ones, at this share of each. */
export function comparePooled(
  some: readonly Float64Array[],
  calm: readonly Float64Array[],
  share: number,
): Pooled {
  const die = openDie('rounds drawn anew');
  const draw = (rounds: readonly Float64Array[]) => rounds.map(() => die.pick(rounds));
  const at = (rounds: readonly Float64Array[]) =>
    percentile(
      rounds.flatMap((one) => [...one]),
      share,
    );
  const ratios = Array.from({ length: DRAWS }, () => at(draw(some)) / at(draw(calm)));
  return { ratio: at(some) / at(calm), low: percentile(ratios, 0.05), high: percentile(ratios, 0.95) };
}

/** Holds the bad stretches to `times` the calm ones around them, or to what the calm ones differ by among themselves, if that is more. */
export function judgeRatio(what: string, stretches: readonly Stretch[], times: number): Line {
  const figures = (kind: Stretch['kind']) =>
    stretches.filter((stretch) => stretch.kind === kind).map(({ figure }) => figure);
  const [calm, bad] = [figures('calm'), figures('bad')];
  const ratios = compareNeighbours(
    stretches.filter(({ kind }) => kind === 'bad'),
    stretches,
  );
  const noise = 1 + compareHalves(calm);
  const allowed = Math.max(times, noise);
  const middle = median(ratios);
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} in ${ratios.length} rounds`;
  const seen = `${middle.toFixed(2)} × (${range}; ${median(bad).toFixed(1)} ms against ${median(calm).toFixed(1)} ms)`;
  const why = noise > times ? ' (so much do calm rounds differ here)' : '';
  return hold(what, `at most ${allowed.toFixed(2)} × calm${why}`, seen, middle <= allowed);
}
