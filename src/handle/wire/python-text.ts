/** Python's `repr` of a finite float: the shortest digits that read back, with `e` below 1e-4 and from 1e16 on. */
export function reprFloat(value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa = '0', power = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) return sign + writeWithExponent(digits, exponent);
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

function writeWithExponent(digits: string, exponent: number): string {
  const rest = digits.slice(1);
  const power = String(Math.abs(exponent)).padStart(2, '0');
  return `${digits[0]}${rest && `.${rest}`}e${exponent < 0 ? '-' : '+'}${power}`;
}

/**
 * Python's `round(value, 4)`: exact decimal rounding, ties to even. A double is a tie at the fifth place only if it is an odd
 * number of 32nds, because (2k+1)/20000 has a power of five below the line otherwise. Decided in text: a large double times 10,000 is
 * no exact number any more.
 */
export function roundToFourPlaces(value: number): number {
  // Exact, and away from zero where it is a tie.
  const away = value.toFixed(4);
  const lastDigit = Number(away.at(-1));
  const thirtySeconds = value * 32;
  const isTie = Number.isInteger(thirtySeconds) && thirtySeconds % 2 !== 0;
  return Number(isTie && lastDigit % 2 === 1 ? `${away.slice(0, -1)}${lastDigit - 1}` : away);
}

export function countCodePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) if (isPair(text, i)) count--;
  return count;
}

/** The first surrogate that stands alone, as `D800`. */
export function findLoneSurrogate(text: string): string | undefined {
  if (text.isWellFormed()) return undefined;
  for (let i = 0; i < text.length; i++) {
    if (isPair(text, i)) i++;
    else if (text.charCodeAt(i) >> 11 === 0x1b) return text.charCodeAt(i).toString(16).toUpperCase();
  }
  return undefined;
}

function isPair(text: string, at: number): boolean {
  return text.charCodeAt(at) >> 10 === 0x36 && text.charCodeAt(at + 1) >> 10 === 0x37;
}

/** Whitespace-separated words: how the demo product counts tokens. */
export function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}
