// Numbers and times as people read them, in one zone, so that two readers of a page see the same.

const AT = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
});
const DAY = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});

/** `22 Nov 2026, 11:34 UTC` */
export const printTime = (ms: number): string => `${AT.format(ms)} UTC`;
/** `22 Nov 2026` */
export const printDay = (ms: number): string => DAY.format(ms);
/** `42,118` */
export const printCount = (count: number): string => count.toLocaleString('en');

/** `42,118 comparisons`; `1 comparison` */
export function printCountOf(count: number, what: string, whats = `${what}s`): string {
  return `${printCount(count)} ${count === 1 ? what : whats}`;
}

/** `1 in 14,000`, rounded to the careful side. Takes a share of 1 above 0. */
export function printOneIn(share: number): string {
  const many = 1 / share;
  const step = 10 ** Math.max(0, Math.floor(Math.log10(many)) - 1);
  return `1 in ${printCount(Math.max(1, Math.floor(many / step) * step))}`;
}
