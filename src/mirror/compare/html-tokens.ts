/** A piece of a page: where an element begins or ends, or text between. */
export type HtmlToken =
  | Readonly<{ kind: 'open'; name: string; attributes: ReadonlyMap<string, string>; end: number }>
  | Readonly<{ kind: 'close'; name: string }>
  | Readonly<{ kind: 'text'; text: string }>;

type Open = { kind: 'open'; name: string; attributes: ReadonlyMap<string, string>; end: number };

const VOID = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '));
/** Their text is not read for tags. */
const RAW = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'iframe', 'noembed', 'noframes']);
const AS_IT_STANDS = new Set(['pre', 'textarea', 'script', 'style', 'xmp']);
const DEEPEST = 256;
const NAME = /[a-zA-Z][^\s/>]*/y;
const ATTRIBUTE = /[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/y;

/**
 * Cuts a page into its tokens, well enough to compare two of them: comments are dropped, space between tags is, too, other space counts as
 * one; every element that was opened is closed. Undefined where there are more than `most`, or it is too deep.
 */
export function cutHtml(text: string, most: number): readonly HtmlToken[] | undefined {
  const cutter = new Cutter(text, most);
  return cutter.cut() === 'whole' ? cutter.tokens : undefined;
}

class Cutter {
  readonly tokens: HtmlToken[] = [];
  readonly #text: string;
  readonly #most: number;
  readonly #open: Open[] = [];
  #at = 0;

  constructor(text: string, most: number) {
    this.#text = text;
    this.#most = most;
  }

  cut(): 'whole' | 'too_complex' {
    while (this.#at < this.#text.length) {
      if (this.tokens.length > this.#most || this.#open.length > DEEPEST) return 'too_complex';
      const next = this.#text.indexOf('<', this.#at);
      this.#addText(this.#text.slice(this.#at, next < 0 ? undefined : next));
      this.#at = next < 0 ? this.#text.length : next;
      if (next >= 0) this.#readMarkup();
    }
    while (this.#open.length > 0) this.#close();
    return 'whole';
  }

  #readMarkup(): void {
    const text = this.#text;
    if (text.startsWith('<!--', this.#at)) return this.#skipPast('-->');
    if (text.startsWith('<!', this.#at) || text.startsWith('<?', this.#at)) return this.#skipPast('>');
    const isEnd = text[this.#at + 1] === '/';
    NAME.lastIndex = this.#at + (isEnd ? 2 : 1);
    const name = NAME.exec(text)?.[0].toLowerCase();
    if (name === undefined) {
      this.#addText('<');
      this.#at += 1;
    } else if (isEnd) {
      this.#skipPast('>');
      this.#closeUpTo(name);
    } else this.#readStart(name, NAME.lastIndex);
  }

  #readStart(name: string, at: number): void {
    const attributes = new Map<string, string>();
    ATTRIBUTE.lastIndex = at;
    let end = at;
    for (let found = ATTRIBUTE.exec(this.#text); found; found = ATTRIBUTE.exec(this.#text)) {
      end = ATTRIBUTE.lastIndex;
      const [, key = '', double, single, bare] = found;
      const value = decodeEntities(double ?? single ?? bare ?? '');
      if (!attributes.has(key.toLowerCase())) attributes.set(key.toLowerCase(), value);
    }
    this.#at = end;
    this.#skipPast('>');
    const token: Open = { kind: 'open', name, attributes, end: 0 };
    this.tokens.push(token);
    this.#open.push(token);
    if (VOID.has(name)) this.#close();
    else if (RAW.has(name)) this.#readRaw(name);
  }

  /** The text of a script, a style, a title: up to its own end tag. */
  #readRaw(name: string): void {
    const closing = new RegExp(`</${name}(?=[\\s/>])`, 'gi');
    closing.lastIndex = this.#at;
    const end = closing.exec(this.#text)?.index ?? this.#text.length;
    this.#addText(this.#text.slice(this.#at, end));
    this.#at = end;
    this.#skipPast('>');
    this.#close();
  }

  #closeUpTo(name: string): void {
    if (!this.#open.some((open) => open.name === name)) return;
    while (this.#close() !== name);
  }

  #close(): string {
    const open = this.#open.pop() as Open;
    open.end = this.tokens.length;
    this.tokens.push({ kind: 'close', name: open.name });
    return open.name;
  }

  #addText(raw: string): void {
    const parent = this.#open.at(-1)?.name ?? '';
    const isKept = AS_IT_STANDS.has(parent) || this.#open.some(({ name }) => name === 'pre');
    const text = isKept
      ? raw
      : decodeEntities(raw)
          .replace(/[ \t\r\n\f]+/g, ' ')
          .trim();
    if (text.trim() !== '') this.tokens.push({ kind: 'text', text });
  }

  #skipPast(mark: string): void {
    const found = this.#text.indexOf(mark, this.#at);
    this.#at = found < 0 ? this.#text.length : found + mark.length;
  }
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', '\u00a0'],
]);

/** `&#39;`, `&#x27;` and `&apos;` are one character; names beyond the usual ones stay as they are. */
function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? all;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}
