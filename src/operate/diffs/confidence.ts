import { NOT_COMPARED_REASONS, type NotComparedReason, type RouteTally } from '../../vocabulary/index.ts';
import { chanceOfAtMost } from './binomial.ts';

// How sure one may be. Nobody can prove that two sides never differ; what n comparisons with k differences do prove is an upper bound
// of the share: the exact one of Clopper and Pearson (Biometrika 26, 1934), one-sided, as R's `qbeta(0.95, k + 1, n - k)` gives it.

/**
 * The largest share of differing answers, 0 to 1, under which at most `different` of `compared` would still be seen with a chance of
 * 1 - `confidence`. 1 where nothing is known. Throws RangeError for what are no counts.
 */
export function upperBound(different: number, compared: number, confidence = 0.95): number {
  checkCounts(different, compared, confidence);
  if (different >= compared) return 1;
  const chance = 1 - confidence;
  if (different === 0) return -Math.expm1(Math.log(chance) / compared);
  let [low, high] = [0, 1];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high || high - low < high * 1e-14) return high;
    if (chanceOfAtMost(different, compared, middle) > chance) low = middle;
    else high = middle;
  }
}

/** The same from below: the smallest share under which as many as `different` would still be seen. */
export function lowerBound(different: number, compared: number, confidence = 0.95): number {
  return compared === 0 ? 0 : 1 - upperBound(compared - different, compared, confidence);
}

function checkCounts(different: number, compared: number, confidence: number): void {
  const areCounts = Number.isSafeInteger(different) && Number.isSafeInteger(compared) && different >= 0;
  if (!areCounts || compared < different)
    throw new RangeError(`${different} of ${compared}: these are no counts.`);
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`${confidence} is no confidence below 1.`);
}

/** What a route is measured by. `maxRate`: the share of differing answers that is put up with, 0 to 1. */
export type VerdictWish = Readonly<{ maxRate?: number | undefined; min?: number | undefined }>;

export type RouteVerdict = Readonly<{
  kind: 'clean' | 'different' | 'not_enough_data';
  /** Comparisons with an answer: same, different, accepted and noise. */
  compared: number;
  different: number;
  accepted: number;
  noise: number;
  notCompared: number;
  /** The commonest reason for `notCompared`, if any. */
  mostly: NotComparedReason | undefined;
  /** One-sided, 95 %, of the share that differs: 0 to 1. */
  upperBound: number;
  /** One sentence without its full stop. */
  sentence: string;
}>;

/** Fewest comparisons, unless asked otherwise: none different of so many bounds the share by 1 %. */
export const DEFAULT_MIN = 300;

/**
 * Without `maxRate` one difference that counts is enough to be `different`, among however few. With it the upper bound has to keep
 * below: `different` where the share is larger (by the lower bound, where there are fewer than `min`), `not_enough_data` where
 * nobody can say yet.
 */
export function judgeRoute(tally: RouteTally, wish: VerdictWish = {}): RouteVerdict {
  const { same, different, accepted, noise } = tally;
  const compared = same + different + accepted + noise;
  const reasons = NOT_COMPARED_REASONS.map((reason) => ({ reason, count: tally.notCompared[reason] ?? 0 }));
  const most = reasons.reduce((best, next) => (next.count > best.count ? next : best));
  const facts = {
    compared,
    different,
    accepted,
    noise,
    notCompared: reasons.reduce((sum, { count }) => sum + count, 0),
    mostly: most.count > 0 ? most.reason : undefined,
    upperBound: upperBound(different, compared),
  };
  const kind = judge(facts, wish);
  return Object.freeze({ kind, ...facts, sentence: say(kind, facts, wish) });
}

type Facts = Omit<RouteVerdict, 'kind' | 'sentence'>;

function judge(facts: Facts, { maxRate, min = DEFAULT_MIN }: VerdictWish): RouteVerdict['kind'] {
  const { compared, different } = facts;
  const isEnough = compared > 0 && compared >= min;
  if (maxRate === undefined) {
    if (different > 0) return 'different';
    return isEnough ? 'clean' : 'not_enough_data';
  }
  const isAbove = isEnough ? different / compared > maxRate : lowerBound(different, compared) > maxRate;
  if (isAbove) return 'different';
  return isEnough && facts.upperBound <= maxRate ? 'clean' : 'not_enough_data';
}

function say(kind: RouteVerdict['kind'], facts: Facts, wish: VerdictWish): string {
  const parts = [sayCounts(kind, facts, wish)];
  if (facts.accepted > 0) parts.push(`${count(facts.accepted)} accepted`);
  if (facts.noise > 0) parts.push(`${count(facts.noise)} noise`);
  if (facts.notCompared > 0) {
    const share = facts.notCompared / (facts.notCompared + facts.compared);
    parts.push(`${percent(share)} not compared, mostly ${facts.mostly}`);
  }
  return parts.join('; ');
}

function sayCounts(kind: RouteVerdict['kind'], facts: Facts, { maxRate, min = DEFAULT_MIN }: VerdictWish) {
  const compared = `${count(facts.compared)} ${facts.compared === 1 ? 'comparison' : 'comparisons'}`;
  const bound = `${count(facts.different)} different, upper bound ${percent(facts.upperBound)} (95 %)`;
  if (kind !== 'not_enough_data') {
    const above =
      kind === 'different' && maxRate !== undefined ? `, at most ${percent(maxRate)} asked for` : '';
    return `${compared}, ${bound}${above}`;
  }
  if (facts.compared < min || facts.compared === 0) {
    const different = facts.different > 0 ? `, ${count(facts.different)} different` : '';
    return `not enough data: ${compared}${different}, ${count(Math.max(1, min))} asked for`;
  }
  return `not enough data: ${compared}, ${bound}, at most ${percent(maxRate ?? 0)} asked for`;
}

const count = (number: number) => number.toLocaleString('en-US');

/** `0.007 %`, `1.25 %`, `0.0003 %`: three decimals below 1 %, two above, one digit at least of what is smaller. */
export function percent(share: number): string {
  const number = share * 100;
  const decimals = number < 1 ? 3 : 2;
  const isTiny = number > 0 && Number(number.toFixed(decimals)) === 0;
  const text = isTiny
    ? number.toFixed(Math.min(20, Math.ceil(-Math.log10(number))))
    : String(Number(number.toFixed(decimals)));
  return `${text} %`;
}
