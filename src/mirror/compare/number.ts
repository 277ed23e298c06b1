// Numbers are compared as they are written: a double would take 9007199254740993 for its neighbour, and 1.0 for 1.

const DECIMAL = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** Written in one way only, and whole in a double. */
const SMALL_INTEGER = /^-?[1-9]\d{0,14}$/;
/** Longer ones are compared as text only. */
const LONGEST = 400;
const WIDEST_SPAN = 400;
const CLOSE = 1e-9;

/** sign × digits × 10^exponent, digits without zeros at either end; '' is zero. */
type Decimal = Readonly<{ sign: bigint; digits: string; exponent: number }>;

/** Is a text written as JSON writes numbers? `007` and `1.` are not. */
export const isDecimalText = (text: string) => text.length <= LONGEST && DECIMAL.test(text);

function readDecimal(text: string): Decimal | undefined {
  if (text.length > LONGEST) return undefined;
  const [all, sign, whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  if (all === undefined) return undefined;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const short = digits.slice(0, countUntilZeros(digits));
  if (short === '') return { sign: 0n, digits: '', exponent: 0 };
  return {
    sign: sign === '-' ? -1n : 1n,
    digits: short,
    exponent: Number(exponent) - fraction.length + (digits.length - short.length),
  };
}

/** Where the zeros at the end begin; /0+$/ would look at each zero again for each zero before it. */
function countUntilZeros(digits: string): number {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end -= 1;
  return end;
}

/**
 * `precision`: the same number written otherwise (1.0 and 1), an integer that a double rounded, or fractions that are closer than 1e-9 of
 * their size (0.1 + 0.2). `value`: another number.
 */
export function judgeNumbers(legacy: string, fresh: string): 'same' | 'precision' | 'value' {
  if (legacy === fresh) return 'same';
  if (SMALL_INTEGER.test(legacy) && SMALL_INTEGER.test(fresh)) return 'value';
  const [one, other] = [readDecimal(legacy), readDecimal(fresh)];
  if (!one || !other) return 'value';
  if (isSameDecimal(one, other)) return 'precision';
  return isClose(one, other, Number(legacy), Number(fresh)) ? 'precision' : 'value';
}

const isSameDecimal = (one: Decimal, other: Decimal) =>
  one.sign === other.sign && one.digits === other.digits && one.exponent === other.exponent;

function isClose(one: Decimal, other: Decimal, a: number, b: number): boolean {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  // Neighbouring ids are not the same id, however large they are: only what a double cannot tell apart was rounded.
  if (one.exponent >= 0 && other.exponent >= 0) return a === b;
  return Math.abs(a - b) <= CLOSE * Math.max(Math.abs(a), Math.abs(b));
}

/** Are two numbers at most `within` apart? Computed exactly: 0.8 and 0.7 are 0.1 apart. */
export function areWithin(legacy: string, fresh: string, within: number): boolean {
  if (SMALL_INTEGER.test(legacy) && SMALL_INTEGER.test(fresh))
    return Math.abs(Number(legacy) - Number(fresh)) <= within;
  const [one, other, most] = [readDecimal(legacy), readDecimal(fresh), readDecimal(String(within))];
  if (!one || !other || !most) return false;
  const exponents = [one, other, most].map(({ sign, exponent }) => (sign === 0n ? 0 : exponent));
  const lowest = Math.min(...exponents, 0);
  if (Math.max(...exponents) - lowest > WIDEST_SPAN)
    return Math.abs(Number(legacy) - Number(fresh)) <= within;
  const scale = ({ sign, digits, exponent }: Decimal) =>
    sign === 0n ? 0n : sign * BigInt(digits) * 10n ** BigInt(exponent - lowest);
  const distance = scale(one) - scale(other);
  return (distance < 0n ? -distance : distance) <= scale(most);
}
