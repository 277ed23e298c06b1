import { countCodePoints } from './python-text.ts';

/** A JSON value that has not lost what JavaScript's own parser loses: number forms, key safety, the text itself. */
export type JsonValue = Readonly<{ /** The value's own text, as it came. */ raw: string }> &
  (
    | Readonly<{ type: 'dict'; entries: ReadonlyMap<string, JsonValue> }>
    | Readonly<{ type: 'list'; items: readonly JsonValue[] }>
    | Readonly<{ type: 'str'; value: string }>
    | Readonly<{ type: 'int' | 'float'; value: number }>
    | Readonly<{ type: 'bool'; value: boolean }>
    | Readonly<{ type: 'NoneType' }>
  );

/** A mistake in a JSON text, in the words of Python 3.11's `json`. */
export class JsonMistake extends Error {
  override readonly name = 'JsonMistake';
}

const DEEPEST = 64;
const LONGEST_INTEGER = 4300;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 wants exactly these escaped.
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HEX4 = /[0-9a-fA-F]{4}/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const CONSTANTS = ['NaN', 'Infinity', '-Infinity'];

/** Reads a text as Python's `json.loads` does with DRF's strict constants. Throws `JsonMistake`. */
export function parseJson(text: string): JsonValue {
  if (text.startsWith('\ufeff')) throw mistake('Unexpected UTF-8 BOM (decode using utf-8-sig)', text, 0);
  const reader = new Reader(text);
  const value = reader.readDocument();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readDocument(): JsonValue {
    this.#skipSpace();
    const value = this.#readValue();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#mistake('Extra data');
    return value;
  }

  #readValue(): JsonValue {
    const start = this.#at;
    const first = this.#text[start];
    if (first === '{') return this.#nested(() => this.#readDict(start));
    if (first === '[') return this.#nested(() => this.#readList(start));
    if (first === '"') {
      const value = this.#readString();
      return { type: 'str', value, raw: this.#text.slice(start, this.#at) };
    }
    return this.#readWord() ?? this.#readNumber();
  }

  #nested(read: () => JsonValue): JsonValue {
    if (++this.#depth > DEEPEST) throw new JsonMistake('Too deeply nested');
    this.#at++;
    this.#skipSpace();
    const value = read();
    this.#depth--;
    return value;
  }

  #readDict(start: number): JsonValue {
    const entries = new Map<string, JsonValue>();
    if (this.#text[this.#at] !== '}') {
      do {
        this.#skipSpace();
        if (this.#text[this.#at] !== '"')
          throw this.#mistake('Expecting property name enclosed in double quotes');
        const key = this.#readString();
        this.#skipSpace();
        if (!this.#take(':')) throw this.#mistake("Expecting ':' delimiter");
        this.#skipSpace();
        entries.set(key, this.#readValue());
        this.#skipSpace();
      } while (this.#take(','));
      if (this.#text[this.#at] !== '}') throw this.#mistake("Expecting ',' delimiter");
    }
    this.#at++;
    return { type: 'dict', entries, raw: this.#text.slice(start, this.#at) };
  }

  #readList(start: number): JsonValue {
    const items: JsonValue[] = [];
    if (this.#text[this.#at] !== ']') {
      do {
        this.#skipSpace();
        items.push(this.#readValue());
        this.#skipSpace();
      } while (this.#take(','));
      if (this.#text[this.#at] !== ']') throw this.#mistake("Expecting ',' delimiter");
    }
    this.#at++;
    return { type: 'list', items, raw: this.#text.slice(start, this.#at) };
  }

  #readString(): string {
    const start = this.#at++;
    let value = '';
    for (;;) {
      value += this.#match(PLAIN) ?? '';
      const next = this.#text[this.#at];
      if (next === undefined) throw this.#mistake('Unterminated string starting at', start);
      if (next !== '"' && next !== '\\') throw this.#mistake('Invalid control character at');
      this.#at++;
      if (next === '"') return value;
      value += this.#readEscape(start);
    }
  }

  #readEscape(start: number): string {
    const letter = this.#text[this.#at++];
    if (letter === undefined) throw this.#mistake('Unterminated string starting at', start);
    if (letter !== 'u') {
      const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
      if (plain === undefined) throw this.#mistake('Invalid \\escape', this.#at - 2);
      return plain;
    }
    const letterAt = this.#at - 1;
    const code = this.#match(HEX4);
    // Python's scanner wants to see one more character behind the four.
    if (code === undefined || this.#at >= this.#text.length)
      throw this.#mistake('Invalid \\uXXXX escape', letterAt);
    return String.fromCharCode(Number.parseInt(code, 16));
  }

  #readWord(): JsonValue | undefined {
    const rest = this.#text.slice(this.#at, this.#at + 9);
    const constant = CONSTANTS.find((word) => rest.startsWith(word));
    if (constant) throw outOfRange(constant);
    const word = ['null', 'true', 'false'].find((each) => rest.startsWith(each));
    if (word === undefined) return undefined;
    this.#at += word.length;
    return word === 'null'
      ? { type: 'NoneType', raw: word }
      : { type: 'bool', value: word === 'true', raw: word };
  }

  #readNumber(): JsonValue {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text);
    if (!found) throw this.#mistake('Expecting value');
    const raw = found[0];
    this.#at += raw.length;
    const type = found[1] === undefined && found[2] === undefined ? 'int' : 'float';
    const digits = raw.replace('-', '').length;
    if (type === 'int' && digits > LONGEST_INTEGER) throw tooManyDigits(digits);
    return { type, value: Number(raw), raw };
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #take(letter: string): boolean {
    const found = this.#text[this.#at] === letter;
    if (found) this.#at++;
    return found;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #mistake(words: string, at: number = this.#at): JsonMistake {
    return mistake(words, this.#text, at);
  }
}

function mistake(words: string, text: string, at: number): JsonMistake {
  const before = text.slice(0, at);
  const lines = before.split('\n');
  const column = countCodePoints(lines.at(-1) ?? '') + 1;
  return new JsonMistake(`${words}: line ${lines.length} column ${column} (char ${countCodePoints(before)})`);
}

function outOfRange(constant: string): JsonMistake {
  return new JsonMistake(`Out of range float values are not JSON compliant: '${constant}'`);
}

function tooManyDigits(digits: number): JsonMistake {
  return new JsonMistake(
    `Exceeds the limit (${LONGEST_INTEGER} digits) for integer string conversion: value has ${digits} digits; use sys.set_int_max_str_digits() to increase the limit`,
  );
}
