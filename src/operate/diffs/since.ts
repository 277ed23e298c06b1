const UNITS_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const DATE_AND_TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * `30m`, `1h`, `7d`, `2w` before now, or a date or time of ISO 8601, which is UTC unless it says otherwise: ms since the epoch.
 * Undefined for anything else, and for what lies ahead.
 */
export function parseSince(typed: string, nowMs: number): number | undefined {
  const [, count, unit] = /^(\d{1,5})([mhdw])$/.exec(typed) ?? [];
  if (count && unit) return Number(count) > 0 ? nowMs - Number(count) * (UNITS_MS[unit] ?? 0) : undefined;
  const found = DATE_AND_TIME.exec(typed);
  if (!found) return undefined;
  // JavaScript takes a date for UTC and a time without a zone for local: here both are UTC.
  const isBareTime = typed.includes('T') && found[1] === undefined;
  const atMs = Date.parse(isBareTime ? `${typed}Z` : typed);
  return atMs <= nowMs ? atMs : undefined;
}

export const SINCE_HINT =
  'expected a span such as 30m, 1h, 7d or 2w, or a past date or time such as 2026-01-31T09:00Z';
