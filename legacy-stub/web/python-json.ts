/** A mistake in a JSON text, told in the words of Python 3.11's `json`, as Django REST framework repeats them. */
export class JsonMistake extends Error {}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const PLAIN = /[ !#-[\]-\uffff]*/y;
// Python's limit on the digits of an int (sys.set_int_max_str_digits).
const LONGEST_INT = 4300;
const DEEPEST = 990;

/** Finds the first mistake that Python would name; returns where JSON.parse was right to take the text. */
export function checkAsPython(text: string): void {
  if (text.startsWith('\ufeff')) fail(text, 0, 'Unexpected UTF-8 BOM (decode using utf-8-sig)');
  const end = skip(text, SPACE, scanValue(text, skip(text, SPACE, 0), 0));
  if (end < text.length) fail(text, end, 'Extra data');
}

function skip(text: string, pattern: RegExp, at: number): number {
  pattern.lastIndex = at;
  pattern.exec(text);
  return Math.max(at, pattern.lastIndex);
}

// Each scanner takes the position where its value begins and gives the one behind its end.
function scanValue(text: string, at: number, depth: number): number {
  // Python's own recursion limit: an exception of the view, not a mistake of the text.
  if (depth > DEEPEST) throw new RangeError('maximum recursion depth exceeded');
  if (text[at] === '"') return scanString(text, at);
  if (text[at] === '{') return scanObject(text, at, depth);
  if (text[at] === '[') return scanArray(text, at, depth);
  const word = ['null', 'true', 'false'].find((each) => text.startsWith(each, at));
  if (word) return at + word.length;
  const constant = ['NaN', 'Infinity', '-Infinity'].find((each) => text.startsWith(each, at));
  if (constant) throw new JsonMistake(`Out of range float values are not JSON compliant: '${constant}'`);
  return scanNumber(text, at);
}

function scanNumber(text: string, at: number): number {
  NUMBER.lastIndex = at;
  const [raw, fraction, exponent] = NUMBER.exec(text) ?? fail(text, at, 'Expecting value');
  const digits = (raw ?? '').replace('-', '').length;
  if (fraction === undefined && exponent === undefined && digits > LONGEST_INT)
    throw new JsonMistake(
      `Exceeds the limit (${LONGEST_INT} digits) for integer string conversion: value has ${digits} digits; ` +
        'use sys.set_int_max_str_digits() to increase the limit',
    );
  return at + (raw ?? '').length;
}

function scanObject(text: string, start: number, depth: number): number {
  let at = skip(text, SPACE, start + 1);
  if (text[at] === '}') return at + 1;
  for (;;) {
    if (text[at] !== '"') fail(text, at, 'Expecting property name enclosed in double quotes');
    at = skip(text, SPACE, scanString(text, at));
    if (text[at] !== ':') fail(text, at, "Expecting ':' delimiter");
    at = skip(text, SPACE, scanValue(text, skip(text, SPACE, at + 1), depth + 1));
    if (text[at] === '}') return at + 1;
    if (text[at] !== ',') fail(text, at, "Expecting ',' delimiter");
    at = skip(text, SPACE, at + 1);
  }
}

function scanArray(text: string, start: number, depth: number): number {
  let at = skip(text, SPACE, start + 1);
  if (text[at] === ']') return at + 1;
  for (;;) {
    at = skip(text, SPACE, scanValue(text, at, depth + 1));
    if (text[at] === ']') return at + 1;
    if (text[at] !== ',') fail(text, at, "Expecting ',' delimiter");
    at = skip(text, SPACE, at + 1);
  }
}

function scanString(text: string, start: number): number {
  let at = skip(text, PLAIN, start + 1);
  while (text[at] !== '"') {
    if (text[at] === undefined) fail(text, start, 'Unterminated string starting at');
    if (text[at] !== '\\') fail(text, at, 'Invalid control character at');
    at = skip(text, PLAIN, scanEscape(text, start, at));
  }
  return at + 1;
}

function scanEscape(text: string, start: number, at: number): number {
  const letter = text[at + 1];
  if (letter === undefined) fail(text, start, 'Unterminated string starting at');
  if (letter !== 'u') return '"\\/bfnrt'.includes(letter ?? '') ? at + 2 : fail(text, at, 'Invalid \\escape');
  // Python's scanner wants to see one character more than the four digits.
  const whole = /^[0-9a-fA-F]{4}$/.test(text.slice(at + 2, at + 6)) && at + 6 < text.length;
  return whole ? at + 6 : fail(text, at + 1, 'Invalid \\uXXXX escape');
}

function fail(text: string, at: number, words: string): never {
  const before = text.slice(0, at);
  const lines = before.split('\n');
  const column = [...(lines.at(-1) ?? '')].length + 1;
  throw new JsonMistake(`${words}: line ${lines.length} column ${column} (char ${[...before].length})`);
}

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes as Python's strict codec does, or tells the mistake in its words. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch {
    throw new JsonMistake(explainUtf8(bytes));
  }
}

// Where each leading byte's sequence ends, and which second byte it takes (Unicode Standard, table 3-7).
function explainUtf8(bytes: Uint8Array): string {
  for (let at = 0; ; ) {
    const first = bytes[at] ?? 0;
    const length =
      first < 0x80 ? 1 : first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length === 0) return putInWords(first, at, at, 'invalid start byte');
    for (let next = 1; next < length; next += 1) {
      const byte = bytes[at + next];
      if (byte === undefined) return putInWords(first, at, at + next - 1, 'unexpected end of data');
      const low = next > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      const high = next > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      if (byte < low || byte > high) return putInWords(first, at, at + next - 1, 'invalid continuation byte');
    }
    at += length;
  }
}

function putInWords(byte: number, from: number, to: number, why: string): string {
  const hex = byte.toString(16).padStart(2, '0');
  const where = from === to ? `byte 0x${hex} in position ${from}` : `bytes in position ${from}-${to}`;
  return `'utf-8' codec can't decode ${where}: ${why}`;
}
