import { reprFloat } from './python-text.ts';

/** Text that is JSON already, for example a float in Python's form or a jsonb value. */
export type Verbatim = Readonly<{ verbatim: string }>;
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | Verbatim
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Writes JSON as DRF's renderer does: no spaces, keys in their order, U+2028 and U+2029 escaped. Numbers must be integers. */
export function renderJson(value: Json): string {
  if (typeof value === 'string') return renderString(value);
  if (Array.isArray(value)) return `[${value.map(renderJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (isVerbatim(value)) return value.verbatim;
  const fields = Object.entries(value as Readonly<Record<string, Json>>);
  return `{${fields.map(([key, each]) => `${renderString(key)}:${renderJson(each)}`).join(',')}}`;
}

function isVerbatim(value: object): value is Verbatim {
  return typeof (value as Partial<Verbatim>).verbatim === 'string';
}

const LINE_SEPARATORS = /[\u2028\u2029]/g;

function renderString(text: string): string {
  return JSON.stringify(text).replace(LINE_SEPARATORS, (each) => (each === '\u2028' ? '\\u2028' : '\\u2029'));
}

/** A float as Python writes it. */
export function float(value: number): Verbatim {
  return { verbatim: reprFloat(value) };
}

const JSONB_TOKEN = /("(?:[^"\\]|\\.)*")|[ ]+/g;

/** jsonb's own text without the spaces between its tokens; what stands inside strings stays, but for DRF's two escapes. */
export function jsonb(text: string): Verbatim {
  const packed = text.replace(JSONB_TOKEN, (_all, quoted: string | undefined) => quoted ?? '');
  return {
    verbatim: packed.replace(LINE_SEPARATORS, (each) => (each === '\u2028' ? '\\u2028' : '\\u2029')),
  };
}

const STORED_TIME = /^(\d{4,}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?/;

/** A stored UTC time (`2026-01-05T09:30:00.5+00:00`) as DRF writes it: `Z`, six digits of a second or none. */
export function time(stored: string): string {
  const [, day, clock, fraction = ''] = STORED_TIME.exec(stored) ?? [];
  if (day === undefined) throw new Error('A stored time cannot be read.');
  const micros = fraction.padEnd(6, '0');
  return micros === '000000' ? `${day}T${clock}Z` : `${day}T${clock}.${micros}Z`;
}
