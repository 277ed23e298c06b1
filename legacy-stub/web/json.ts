import { checkAsPython, decodeUtf8 } from './python-json.ts';

/** JSON text that is written as it stands: numbers whose form matters, jsonb from the database. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Json =
  | string
  | number
  | boolean
  | null
  | RawJson
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Writes what Django REST framework's renderer writes: no spaces, no needless escapes, but U+2028 and U+2029 escaped. */
export function renderJson(value: Json): string {
  if (value instanceof RawJson) return value.text;
  if (typeof value === 'string') return renderText(value);
  if (Array.isArray(value)) return `[${value.map(renderJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, item]) => `${renderText(key)}:${renderJson(item)}`);
  return `{${pairs.join(',')}}`;
}

function renderText(text: string): string {
  return escapeSeparators(JSON.stringify(text));
}

function escapeSeparators(json: string): string {
  return json.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

/** jsonb's text without the spaces between its parts; numbers and key order stay as PostgreSQL keeps them. */
export function compactJsonb(text: string): RawJson {
  const compact = text.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part.startsWith('"') ? part : ''));
  return new RawJson(escapeSeparators(compact));
}

/** A float as Python's `repr` writes it: `1.0`, `0.7`, `1e-05`. */
export function renderFloat(value: number): RawJson {
  const [mantissa = '0', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 16) {
    const plain = Object.is(value, -0) ? '-0' : String(value);
    return new RawJson(plain.includes('.') ? plain : `${plain}.0`);
  }
  const sign = exponent < 0 ? '-' : '+';
  return new RawJson(`${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`);
}

/** A timestamptz's text (in UTC) as Django REST framework shows it. */
export function renderTime(text: string): string {
  const [, day, time, fraction = ''] = /^(\S+) ([\d:]+)(\.\d+)?\+00$/.exec(text) ?? [];
  return `${day}T${time}${fraction === '' ? '' : fraction.padEnd(7, '0')}Z`;
}

type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;

/** Reads JSON, with each number kept as it was written. Throws JsonMistake where it is none. */
export function parseJson(bytes: Buffer): Json {
  const text = decodeUtf8(bytes);
  checkAsPython(text);
  const keepNumber: Reviver = (_key, value, context) =>
    typeof value === 'number' && context?.source ? new RawJson(context.source) : value;
  return JSON.parse(text, keepNumber as (key: string, value: unknown) => unknown) as Json;
}

/** The name that Python gives to the type of a parsed value. */
export function namePythonType(value: Json): string {
  if (value === null) return 'NoneType';
  if (value instanceof RawJson) return /^-?\d+$/.test(value.text) ? 'int' : 'float';
  if (Array.isArray(value)) return 'list';
  return { string: 'str', boolean: 'bool', number: 'float' }[typeof value as string] ?? 'dict';
}

export function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RawJson);
}
