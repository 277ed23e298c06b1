import { renderJson } from './json-text.ts';
import type { JsonValue } from './python-json.ts';
import { countCodePoints, findLoneSurrogate, reprFloat } from './python-text.ts';
import { Refusal, refuse } from './refusal.ts';

/** What became of one value: a good one, or every complaint about it. */
type Reading<T> = Readonly<{ value: T }> | Readonly<{ errors: readonly string[] }>;
export type Field<T> = Readonly<{ read: (value: JsonValue) => Reading<T>; fallback: T | undefined }>;
type Fields = Readonly<Record<string, Field<unknown>>>;
export type Values<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer T> ? T : never;
};

/** Reads a body as a DRF serializer does: every field in its order, all complaints together. */
export function readFields<F extends Fields>(body: JsonValue, fields: F): Values<F> | Refusal {
  if (body.type !== 'dict')
    return refuse(400, { non_field_errors: [`Invalid data. Expected a dictionary, but got ${body.type}.`] });
  const values: Record<string, unknown> = {};
  const complaints: Record<string, readonly string[]> = {};
  for (const [name, field] of Object.entries(fields)) {
    const reading = readField(body.entries.get(name), field);
    if ('errors' in reading) complaints[name] = reading.errors;
    else values[name] = reading.value;
  }
  if (Object.keys(complaints).length === 0) return values as Values<F>;
  return new Refusal(400, { kind: 'json', text: renderJson(complaints) });
}

function readField(given: JsonValue | undefined, field: Field<unknown>): Reading<unknown> {
  if (given?.type === 'NoneType') return complain('This field may not be null.');
  if (given) return field.read(given);
  return field.fallback === undefined ? complain('This field is required.') : { value: field.fallback };
}

const complain = (...errors: readonly string[]) => ({ errors });

type TextRule = Readonly<{ longest: number; keepSpace?: 'keep'; fallback?: string }>;

export function text(rule: TextRule): Field<string> {
  return { read: (given) => readText(given, rule), fallback: rule.fallback };
}

function readText(given: JsonValue, rule: TextRule): Reading<string> {
  if (given.type !== 'str') return complain('Not a valid string.');
  const value = rule.keepSpace ? given.value : given.value.trim();
  if (value === '') return complain('This field may not be blank.');
  const errors = [...complainOfText(value, rule.longest)];
  return errors.length === 0 ? { value } : { errors };
}

function* complainOfText(value: string, longest: number): Generator<string> {
  if (countCodePoints(value) > longest) yield `Ensure this field has no more than ${longest} characters.`;
  if (value.includes('\0')) yield 'Null characters are not allowed.';
  const surrogate = findLoneSurrogate(value);
  if (surrogate) yield `Surrogate characters are not allowed: U+${surrogate}.`;
}

type NumberRule = Readonly<{ least: number; most: number; fallback: number }>;

const INTEGER_TEXT = /^[+-]?\d+(?:\.0*)?$/;
const NUMBER_TEXT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** As DRF: what `int()` makes of the value's `str()` without a trailing `.0`; so `64.0` is an integer, and `1e16` is none. */
export function integer(rule: NumberRule): Field<number> {
  return {
    fallback: rule.fallback,
    read(given) {
      const value = given.type === 'int' ? given.value : readNumberText(writeNumber(given), INTEGER_TEXT);
      return value === undefined ? complain('A valid integer is required.') : limit(value, rule);
    },
  };
}

export function float(rule: NumberRule): Field<number> {
  return {
    fallback: rule.fallback,
    read(given) {
      const value = given.type === 'int' ? given.value : readNumberText(writeNumber(given), NUMBER_TEXT);
      const isNumber = value !== undefined && Number.isFinite(value);
      return isNumber ? limit(value, rule) : complain('A valid number is required.');
    },
  };
}

function writeNumber(given: JsonValue): string {
  if (given.type === 'str') return given.value.trim();
  return given.type === 'float' && Number.isFinite(given.value) ? reprFloat(given.value) : '';
}

function readNumberText(text: string, pattern: RegExp): number | undefined {
  return pattern.test(text) ? Number(text) : undefined;
}

function limit(value: number, { least, most }: NumberRule): Reading<number> {
  if (value > most) return complain(`Ensure this value is less than or equal to ${most}.`);
  if (value < least) return complain(`Ensure this value is greater than or equal to ${least}.`);
  return { value };
}

const TRUE_WORDS = ['t', 'true', 'y', 'yes', 'on', '1'];
const FALSE_WORDS = ['f', 'false', 'n', 'no', 'off', '0'];

export function boolean(fallback: boolean): Field<boolean> {
  return { read: readBoolean, fallback };
}

function readBoolean(given: JsonValue): Reading<boolean> {
  if (given.type === 'bool') return { value: given.value };
  const word = 'value' in given ? String(given.value).trim().toLowerCase() : '';
  if (TRUE_WORDS.includes(word)) return { value: true };
  if (FALSE_WORDS.includes(word)) return { value: false };
  return complain('Must be a valid boolean.');
}

/** An object that jsonb can hold, as the text that came: its number forms matter. */
export function dictionary(): Field<string> {
  return { read: readDictionary, fallback: '{}' };
}

function readDictionary(given: JsonValue): Reading<string> {
  if (given.type !== 'dict') return complain(`Expected a dictionary of items but got type "${given.type}".`);
  return fitsJsonb(given) ? { value: given.raw } : complain('Value must be valid JSON.');
}

function fitsJsonb(value: JsonValue): boolean {
  if (value.type === 'str') return isStorable(value.value);
  if (value.type === 'list') return value.items.every(fitsJsonb);
  if (value.type === 'int' || value.type === 'float') return fitsNumeric(value.raw);
  if (value.type !== 'dict') return true;
  return [...value.entries].every(([key, each]) => isStorable(key) && fitsJsonb(each));
}

function isStorable(string: string): boolean {
  return !string.includes('\0') && string.isWellFormed();
}

// PostgreSQL's numeric: up to 131072 digits before the point and 16383 behind it.
function fitsNumeric(raw: string): boolean {
  const [, whole = '', fraction = '', power = '0'] =
    /^-?(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(raw) ?? [];
  const exponent = Number(power);
  return whole.length + exponent <= 131_072 && fraction.length - exponent <= 16_383;
}
