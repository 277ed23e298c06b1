/** A moment as it was written. */
export type WrittenTime = Readonly<{
  ms: number;
  /** How it is written, apart from the digits of a second: two times are alike where these are equal. */
  layout: string;
  /** The digits of the second's fraction, '' for none. */
  fraction: string;
}>;

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)([T ])(\d\d):(\d\d)(?::(\d\d)(?:([.,])(\d{1,9}))?)?(Z|z|[+-]\d\d(?::?\d\d)?)?$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
// RFC 9110 section 5.6.7, and the dashes that old cookies have.
const HTTP = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d)([ -])([A-Z][a-z]{2})\3(\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const LONGEST = 40;

export function readTime(text: string): WrittenTime | undefined {
  if (text.length > LONGEST) return undefined;
  return readIso(text) ?? readHttpDate(text);
}

function readIso(text: string): WrittenTime | undefined {
  const [all, year, month, day, between, hour, minute, second, point = '', fraction = '', zone = ''] =
    ISO.exec(text) ?? [];
  if (all === undefined) return undefined;
  const start = countMs(
    Number(year),
    Number(month),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second ?? 0),
  );
  const offset = readZone(zone);
  if (start === undefined || offset === undefined) return undefined;
  return {
    ms: start - offset + Number(`0.${fraction || '0'}`) * 1000,
    layout: `${between}${second === undefined ? 'minutes' : 'seconds'}${point === ',' ? point : ''}${zone}`,
    fraction,
  };
}

function readHttpDate(text: string): WrittenTime | undefined {
  const [all, , day, dash, monthName = '', year, hour, minute, second] = HTTP.exec(text) ?? [];
  if (all === undefined) return undefined;
  const month = MONTHS.indexOf(monthName) + 1;
  const ms = countMs(Number(year), month, Number(day), Number(hour), Number(minute), Number(second));
  return ms === undefined ? undefined : { ms, layout: `http${dash}`, fraction: '' };
}

/** Undefined where the calendar or the clock has no such moment. */
function countMs(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined {
  const date = new Date(Date.UTC(year, month - 1, day));
  // The years 0 to 99 are those of the last century to Date.UTC.
  date.setUTCFullYear(year, month - 1, day);
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isReal || hour > 23 || minute > 59 || second > 59) return undefined;
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
}

/** In ms; a time without a zone is taken for UTC. */
function readZone(zone: string): number | undefined {
  if (zone === '' || zone === 'Z' || zone === 'z') return 0;
  const digits = zone.replace(/\D/g, '').padEnd(4, '0');
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2))];
  if (hours > 15 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

export function isDate(text: string): boolean {
  const [all, year, month, day] = DATE.exec(text) ?? [];
  return all !== undefined && countMs(Number(year), Number(month), Number(day), 0, 0, 0) !== undefined;
}

/** Where times were written: by handlers, or by PostgreSQL, which leaves zeros off a fraction's end. */
export type TimeWriter = 'handler' | 'database';

const LONGEST_TRIM = 2;

/**
 * Are two times written in the same way? Some handlers leave zeros off, too, so one or two digits fewer tell nothing; three fewer are
 * milliseconds for microseconds, and no fraction at all is another format.
 */
export function areWrittenAlike(one: WrittenTime, other: WrittenTime, writer: TimeWriter): boolean {
  if (one.layout !== other.layout) return false;
  const [a, b] = [one.fraction, other.fraction];
  if (a.length === b.length || writer === 'database') return true;
  const isTrimmed = a !== '' && b !== '' && !a.endsWith('0') && !b.endsWith('0');
  return isTrimmed && Math.abs(a.length - b.length) <= LONGEST_TRIM;
}
