/** P(X ≤ most) for X ~ Binomial(tries, share): the terms from `most` down, each made from the one before. All are positive. */
export function chanceOfAtMost(most: number, tries: number, share: number): number {
  const odds = (1 - share) / share;
  let [sum, term] = [1, 1];
  for (let count = most; count > 0; count -= 1) {
    const step = (count / (tries - count + 1)) * odds;
    term *= step;
    sum += term;
    if (sum > 1e280) return 1;
    if (step < 1 && term < sum * 1e-17) break;
  }
  return Math.min(1, sum * chanceOf(most, tries, share));
}

/** P(X = count), 0 < count < tries, by saddle point: no logarithms of huge factorials that cancel (C. Loader, 2000). */
function chanceOf(count: number, tries: number, share: number): number {
  const rest = tries - count;
  const exponent =
    stirlingRest(tries) -
    stirlingRest(count) -
    stirlingRest(rest) -
    deviance(count, tries * share) -
    deviance(rest, tries * (1 - share));
  return Math.exp(exponent) * Math.sqrt(tries / (2 * Math.PI * count * rest));
}

/** ln n! less Stirling's formula. */
function stirlingRest(n: number): number {
  if (n > 15)
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / n / n) / n / n) / n / n) / n / n) / n;
  let factorial = 1;
  for (let factor = 2; factor <= n; factor += 1) factorial *= factor;
  return Math.log(factorial) - (n + 0.5) * Math.log(n) + n - 0.5 * Math.log(2 * Math.PI);
}

/** x ln(x / expected) + expected - x. */
function deviance(x: number, expected: number): number {
  const away = (expected - x) / x;
  return x * (away - Math.log1p(away));
}
