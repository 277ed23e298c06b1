import { type JsonLeaf, type JsonNode, listNode, objectNode, stringNode } from './json-node.ts';
import { decodeUtf8 } from './utf8.ts';

/** How much of a value is read: levels of nesting, and values altogether. */
export type JsonBounds = Readonly<{ depth: number; nodes: number }>;
export type JsonRead =
  | Readonly<{ kind: 'json'; node: JsonNode; nodes: number }>
  /** Breaks RFC 8259: bad UTF-8, a BOM, a lone surrogate, NaN, something behind the end, … */
  | Readonly<{ kind: 'not_json' }>
  | Readonly<{ kind: 'too_complex' }>;

const NOT_JSON: JsonRead = Object.freeze({ kind: 'not_json' });
const TOO_COMPLEX: JsonRead = Object.freeze({ kind: 'too_complex' });
const NULL: JsonLeaf = Object.freeze({ type: 'null', text: 'null' });
const TRUE: JsonLeaf = Object.freeze({ type: 'boolean', text: 'true' });
const FALSE: JsonLeaf = Object.freeze({ type: 'boolean', text: 'false' });

export function readJsonBytes(bytes: Uint8Array, bounds: JsonBounds): JsonRead {
  const text = decodeUtf8(bytes);
  return text === undefined ? NOT_JSON : readJson(text, bounds);
}

export function readJson(text: string, bounds: JsonBounds): JsonRead {
  if (!text.isWellFormed()) return NOT_JSON;
  try {
    const reader = new Reader(text, bounds);
    const node = reader.readDocument();
    return { kind: 'json', node, nodes: reader.nodes };
  } catch (problem) {
    if (problem === NOT_JSON || problem === TOO_COMPLEX) return problem as JsonRead;
    throw problem;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;

/** A text with its quotes and escapes: the engine's own parser is good for these, and for nothing else here. */
function readEscapes(quoted: string): string {
  const text = readQuoted(quoted);
  if (text === undefined || !text.isWellFormed()) throw NOT_JSON;
  return text;
}

function readQuoted(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

class Reader {
  readonly #text: string;
  readonly #bounds: JsonBounds;
  /** Values read so far. */
  nodes = 0;
  #at = 0;
  #depth = 0;

  constructor(text: string, bounds: JsonBounds) {
    this.#text = text;
    this.#bounds = bounds;
  }

  readDocument(): JsonNode {
    this.#skipSpace();
    const node = this.#readValue();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw NOT_JSON;
    return node;
  }

  #readValue(): JsonNode {
    this.nodes += 1;
    if (this.nodes > this.#bounds.nodes) throw TOO_COMPLEX;
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        return this.#nested(() => this.#readObject());
      case 0x5b:
        return this.#nested(() => this.#readList());
      case 0x22:
        return stringNode(this.#readString());
      case 0x74:
        return this.#readWord('true', TRUE);
      case 0x66:
        return this.#readWord('false', FALSE);
      case 0x6e:
        return this.#readWord('null', NULL);
      default:
        return this.#readNumber();
    }
  }

  #nested(read: () => JsonNode): JsonNode {
    this.#depth += 1;
    if (this.#depth > this.#bounds.depth) throw TOO_COMPLEX;
    this.#at += 1;
    this.#skipSpace();
    const node = read();
    this.#depth -= 1;
    return node;
  }

  #readObject(): JsonNode {
    const fields = new Map<string, JsonNode>();
    const again: [string, JsonNode][] = [];
    if (this.#takes(0x7d)) return objectNode(fields);
    do {
      this.#skipSpace();
      if (this.#text.charCodeAt(this.#at) !== 0x22) throw NOT_JSON;
      const key = this.#readString();
      this.#skipSpace();
      if (!this.#takes(0x3a)) throw NOT_JSON;
      this.#skipSpace();
      const value = this.#readValue();
      if (fields.has(key)) again.push([key, value]);
      else fields.set(key, value);
      this.#skipSpace();
    } while (this.#takes(0x2c));
    if (!this.#takes(0x7d)) throw NOT_JSON;
    return again.length > 0 ? objectNode(fields, again) : objectNode(fields);
  }

  #readList(): JsonNode {
    const items: JsonNode[] = [];
    if (this.#takes(0x5d)) return listNode(items);
    do {
      this.#skipSpace();
      items.push(this.#readValue());
      this.#skipSpace();
    } while (this.#takes(0x2c));
    if (!this.#takes(0x5d)) throw NOT_JSON;
    return listNode(items);
  }

  #readWord(word: string, leaf: JsonLeaf): JsonLeaf {
    if (!this.#text.startsWith(word, this.#at)) throw NOT_JSON;
    this.#at += word.length;
    return leaf;
  }

  #readNumber(): JsonLeaf {
    NUMBER.lastIndex = this.#at;
    const text = NUMBER.exec(this.#text)?.[0];
    if (text === undefined) throw NOT_JSON;
    this.#at += text.length;
    return { type: 'number', text };
  }

  #readString(): string {
    const start = this.#at + 1;
    let isPlain = true;
    for (let at = start; ; at++) {
      const unit = this.#text.charCodeAt(at);
      if (unit === 0x22) {
        this.#at = at + 1;
        return isPlain ? this.#text.slice(start, at) : readEscapes(this.#text.slice(start - 1, at + 1));
      }
      if (unit === 0x5c) {
        isPlain = false;
        at += 1;
      }
      // NaN, behind the end, is no number below and none above.
      if (!(unit >= 0x20)) throw NOT_JSON;
    }
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at += 1;
    }
  }

  #takes(unit: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== unit) return false;
    this.#at += 1;
    return true;
  }
}
