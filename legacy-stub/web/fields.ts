import { badRequest } from './answers.ts';
import { isObject, type Json, namePythonType, RawJson, renderFloat } from './json.ts';

/** What became of one value: a good one, or every complaint about it. */
type Reading<T> = Readonly<{ value: T } | { errors: readonly string[] }>;
type Field<T> = Readonly<{ read: (value: Json) => Reading<T>; fallback: T | undefined }>;
type Values<Fields> = { readonly [Name in keyof Fields]: Fields[Name] extends Field<infer T> ? T : never };

const TRUE_WORDS = ['t', 'true', 'y', 'yes', 'on', '1'];
const FALSE_WORDS = ['f', 'false', 'n', 'no', 'off', '0'];

const LONE_SURROGATE = /\p{Surrogate}/u;

const complain = (...errors: string[]) => ({ errors });

/** Reads a body by the rules of docs/demo-product.md; throws the 400 answer with every complaint, in the order of `fields`. */
export function readFields<Fields extends Record<string, Field<unknown>>>(
  body: Json,
  fields: Fields,
): Values<Fields> {
  if (!isObject(body))
    throw badRequest({
      non_field_errors: [`Invalid data. Expected a dictionary, but got ${namePythonType(body)}.`],
    });
  const readings = Object.entries(fields).map(
    ([name, field]) => [name, readField(body, name, field)] as const,
  );
  const wrong = readings.flatMap(([name, reading]) =>
    'errors' in reading ? [[name, reading.errors] as const] : [],
  );
  if (wrong.length > 0) throw badRequest(Object.fromEntries(wrong));
  return Object.fromEntries(
    readings.map(([name, reading]) => [name, 'value' in reading && reading.value]),
  ) as Values<Fields>;
}

function readField(
  body: { readonly [key: string]: Json },
  name: string,
  field: Field<unknown>,
): Reading<unknown> {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  if (value === null) return complain('This field may not be null.');
  if (value !== undefined) return field.read(value);
  return field.fallback === undefined ? complain('This field is required.') : { value: field.fallback };
}

export function text(
  rule: Readonly<{ max: number; trim?: 'both ends' | 'never'; fallback?: string }>,
): Field<string> {
  return { read: (value) => readText(value, rule.max, rule.trim ?? 'both ends'), fallback: rule.fallback };
}

function readText(given: Json, max: number, trim: 'both ends' | 'never'): Reading<string> {
  if (typeof given !== 'string') return complain('Not a valid string.');
  const value = trim === 'never' ? given : given.trim();
  if (value === '') return complain('This field may not be blank.');
  const errors: string[] = [];
  if ([...value].length > max) errors.push(`Ensure this field has no more than ${max} characters.`);
  if (value.includes('\0')) errors.push('Null characters are not allowed.');
  const lone = LONE_SURROGATE.exec(value)?.[0].charCodeAt(0).toString(16).toUpperCase();
  if (lone) errors.push(`Surrogate characters are not allowed: U+${lone}.`);
  return errors.length > 0 ? { errors } : { value };
}

type NumberRule = Readonly<{ min: number; max: number; fallback: number }>;

const INTEGER = /^[+-]?\d+(?:\.0*)?$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

export function integer(rule: NumberRule): Field<number> {
  const read = (value: Json): Reading<number> => {
    const text = writeNumber(value);
    return INTEGER.test(text) ? checkBounds(Number(text), rule) : complain('A valid integer is required.');
  };
  return { read, fallback: rule.fallback };
}

export function float(rule: NumberRule): Field<number> {
  const read = (value: Json): Reading<number> => {
    const text = value instanceof RawJson ? value.text : writeNumber(value);
    const number = FLOAT.test(text) ? Number(text) : Number.NaN;
    return Number.isFinite(number) ? checkBounds(number, rule) : complain('A valid number is required.');
  };
  return { read, fallback: rule.fallback };
}

/** A number as Python's `str` shows it, a string without the space around it, and nothing for anything else. */
function writeNumber(value: Json): string {
  if (typeof value === 'string') return value.trim();
  if (!(value instanceof RawJson)) return '';
  return /^-?\d+$/.test(value.text) ? value.text : renderFloat(Number(value.text)).text;
}

function checkBounds(value: number, { min, max }: NumberRule): Reading<number> {
  if (value > max) return complain(`Ensure this value is less than or equal to ${max}.`);
  if (value < min) return complain(`Ensure this value is greater than or equal to ${min}.`);
  return { value };
}

export function boolean(fallback: boolean): Field<boolean> {
  return { read: readBoolean, fallback };
}

function readBoolean(value: Json): Reading<boolean> {
  if (typeof value === 'boolean') return { value };
  const word = value instanceof RawJson ? String(Number(value.text)) : value;
  const plain = typeof word === 'string' ? word.trim().toLowerCase() : '';
  if (TRUE_WORDS.includes(plain)) return { value: true };
  if (FALSE_WORDS.includes(plain)) return { value: false };
  return complain('Must be a valid boolean.');
}

export function dictionary(): Field<{ readonly [key: string]: Json }> {
  return {
    read: (value) => {
      if (!isObject(value))
        return complain(`Expected a dictionary of items but got type "${namePythonType(value)}".`);
      return fitsJsonb(value) ? { value } : complain('Value must be valid JSON.');
    },
    fallback: {},
  };
}

/** False for what PostgreSQL's jsonb cannot hold: NUL, lone surrogates, numbers beyond `numeric`. */
function fitsJsonb(value: Json): boolean {
  if (typeof value === 'string') return !value.includes('\0') && !LONE_SURROGATE.test(value);
  if (value instanceof RawJson) return fitsNumeric(value.text);
  if (Array.isArray(value)) return value.every(fitsJsonb);
  return !isObject(value) || Object.entries(value).every(([key, item]) => fitsJsonb(key) && fitsJsonb(item));
}

function fitsNumeric(text: string): boolean {
  const [, whole = '', fraction = '', power = '0'] =
    /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const before = `${whole}${fraction}`.replace(/^0+/, '').length - fraction.length + Number(power);
  return before <= 131_072 && fraction.length - Number(power) <= 16_383;
}
