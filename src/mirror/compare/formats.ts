import type { ValueFormat } from '../../vocabulary/index.ts';
import type { JsonNode } from './json-node.ts';
import { isDecimalText } from './number.ts';
import { areWrittenAlike, isDate, readTime, type TimeWriter } from './time-text.ts';

type Leaf = Exclude<JsonNode, { type: 'list' | 'object' }>;
type FormatRule = Readonly<{
  has(value: Leaf): boolean;
  /** Of two values that have the format: are they of one make? */
  match(legacy: string, fresh: string, writer: TimeWriter): boolean;
}>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DIGITS = /^\d+$/;
const VISIBLE = /^[\x21-\x7e]+$/;
const URL_TEXT = /^(?:https?:\/\/[^\s/?#]|\/(?!\/))/i;
const HEX = /^(?:[0-9a-f]+|[0-9A-F]+)$/;
/** Longer texts are neither tokens nor URLs. */
const LONGEST = 4_096;
/** Shorter random texts may lack a kind of letter by chance. */
const LONG_TOKEN = 24;

const isText = ({ type }: Leaf) => type === 'string';
const always = () => true;

const FORMATS: Readonly<Record<Exclude<ValueFormat, 'any'>, FormatRule>> = {
  time: { has: (value) => isText(value) && readTime(value.text) !== undefined, match: areAlike },
  date: { has: (value) => isText(value) && isDate(value.text), match: always },
  uuid: { has: (value) => isText(value) && UUID.test(value.text), match: always },
  token: { has: (value) => isText(value) && isToken(value.text), match: areTokensAlike },
  digits: { has: (value) => DIGITS.test(value.text) && value.type !== 'bytes', match: always },
  number: { has: (value) => value.type !== 'bytes' && isDecimalText(value.text), match: always },
  url: { has: (value) => isText(value) && isUrl(value.text), match: areUrlsAlike },
};

/** `undefined` where neither value has the format, so that they are compared as without the rule. */
export function judgeFormat(
  format: ValueFormat,
  legacy: Leaf,
  fresh: Leaf,
  writer: TimeWriter,
): 'same' | 'value' | undefined {
  if (format === 'any') return 'same';
  const { has, match } = FORMATS[format];
  const [one, other] = [has(legacy), has(fresh)];
  if (!one && !other) return undefined;
  return one && other && match(legacy.text, fresh.text, writer) ? 'same' : 'value';
}

function areAlike(legacy: string, fresh: string, writer: TimeWriter): boolean {
  const [one, other] = [readTime(legacy), readTime(fresh)];
  return one !== undefined && other !== undefined && areWrittenAlike(one, other, writer);
}

const isToken = (text: string) => text.length <= LONGEST && VISIBLE.test(text);

function isUrl(text: string): boolean {
  if (text.length > LONGEST || /\s/.test(text) || !URL_TEXT.test(text)) return false;
  return URL.canParse(text, 'http://host.invalid');
}

/** An absolute URL and a path are of two makes. */
function areUrlsAlike(legacy: string, fresh: string): boolean {
  return legacy.startsWith('/') === fresh.startsWith('/');
}

/**
 * Same length, same kinds of characters. Separators must come as often as on the other side; the two odd characters of base 64, and digits
 * among letters, may be lacking by chance, and so may a kind of letter in a short text.
 */
function areTokensAlike(legacy: string, fresh: string): boolean {
  if (legacy.length !== fresh.length || describeSeparators(legacy) !== describeSeparators(fresh))
    return false;
  if (mixesAlphabets(legacy, fresh)) return false;
  if (/[A-Za-z]/.test(legacy) !== /[A-Za-z]/.test(fresh)) return false;
  if (legacy.length < LONG_TOKEN) return true;
  return (
    [/[a-z]/, /[A-Z]/].every((kind) => kind.test(legacy) === kind.test(fresh)) &&
    isHex(legacy) === isHex(fresh)
  );
}

const isHex = (text: string) => HEX.test(text);
const describeSeparators = (text: string) => [...text.replace(/[A-Za-z0-9_+/-]/g, '')].sort().join('');
const mixesAlphabets = (one: string, other: string) =>
  (/[-_]/.test(one) && /[+/]/.test(other)) || (/[+/]/.test(one) && /[-_]/.test(other));
