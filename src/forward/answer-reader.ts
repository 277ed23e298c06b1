// Legacy's answer, read off the bytes of a connection that carries one exchange at a time (RFC 9112). Whatever two readers could take for
// two different things is refused, never repaired: what follows on the same connection would be somebody else's answer.

import { BlankedHead, type Span } from '../vocabulary/index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { judgeName, NOT_IN_A_VALUE } from './field-name.ts';
import { BrokenAnswer } from './legacy-failure.ts';

/** What the heads of one connection have in common where they differ in a few values only (`BLANKS` of `field-name.ts`). Known by its identity. */
export type AnswerForm = Readonly<{ status: number }>;

/** Who is told of an answer. */
export type AnswerHearer = Readonly<{
  /** Once, and never of an interim answer (1xx): those end here. `raw` is name and value in turn; each character is a byte. */
  began(status: number, phrase: string, raw: string[], form?: AnswerForm): void;
  /** The bytes are the reader's again as soon as this returns. */
  piece(bytes: Buffer): void;
  /** The answer is whole. */
  whole(): void;
}>;

/** What is read at the moment. `whole`: nothing more may come. */
type Phase = 'head' | 'length' | 'chunks' | 'until_close' | 'whole';

const HEAD_END = '\r\n\r\n';
const MOST_HEAD_BYTES = 64 * 1024;
const MOST_KEPT_BYTES = 2 * 1024;
const VERSION = 'HTTP/1.';
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: ([^\r\n]*))?$/;
// So many digits are exact as a number.
const LENGTH = /^[0-9]{1,15}$/;
const CR = 13;

/** The last head of a connection, and what was read off it. */
type Written = Readonly<{
  text: BlankedHead;
  minor: string;
  status: number;
  phrase: string;
  raw: readonly string[];
  /** Where the blanks' values stand in `raw`. */
  places: readonly number[];
  lengthAt: number | undefined;
  coding: string | undefined;
  connection: string;
  keepAlive: string;
}>;

export class AnswerReader {
  #last: Written | undefined;
  #form: AnswerForm | undefined;
  #places: number[] = [];
  #blanks: Span[] = [];
  #lengthAt: number | undefined;
  #hasCookies = false;
  #phase: Phase = 'head';
  #method = '';
  /** Of a head that comes in pieces: the line that has no end yet. */
  #line = '';
  #headBytes = 0;
  #minor = '';
  #status = 0;
  #phrase = '';
  #raw: string[] = [];
  #length: string | undefined;
  #coding: string | undefined;
  #connection = '';
  #keepAlive = '';
  #mayStay = false;
  #rest = 0;
  readonly #chunks = new ChunkReader();
  #hasBegun = false;

  /** A question has been asked; what comes now answers it. */
  expect(method: string): void {
    this.#method = method;
    this.#hasBegun = false;
    this.#status = 0;
    this.#openHead();
  }

  /** True once a single byte has come. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  get isWhole(): boolean {
    return this.#phase === 'whole';
  }

  /** How long legacy lets the connection be idle, in ms; 0: it is of no further use. */
  get staysMs(): number {
    if (!this.#mayStay) return 0;
    if (this.#keepAlive === '') return Number.POSITIVE_INFINITY;
    const hint = /timeout=([0-9]{1,9})/i.exec(this.#keepAlive)?.[1];
    return hint === undefined ? Number.POSITIVE_INFINITY : Number(hint) * 1_000;
  }

  /** Reads what has come, and answers how much of it was part of this answer. Throws a `BrokenAnswer`. */
  read(bytes: Buffer, hearer: AnswerHearer): number {
    this.#hasBegun = true;
    let at = 0;
    while (this.#phase === 'head' && at < bytes.length) at = this.#readHead(bytes, at, hearer);
    if (at < bytes.length && this.#phase !== 'whole') at = this.#readBody(bytes, at, hearer);
    return at;
  }

  /** Legacy has ended the connection in good order. Throws where its answer cannot end so. */
  end(hearer: AnswerHearer): void {
    if (this.#phase !== 'until_close') throw new BrokenAnswer('it ended too early');
    this.#finish(hearer);
  }

  #openHead(): void {
    this.#phase = 'head';
    this.#line = '';
    this.#headBytes = 0;
    this.#minor = '';
    this.#raw = [];
    this.#places = [];
    this.#blanks = [];
    this.#lengthAt = undefined;
    this.#hasCookies = false;
    this.#length = undefined;
    this.#coding = undefined;
    this.#connection = '';
    this.#keepAlive = '';
    this.#mayStay = false;
  }

  // Nearly always the whole head has come at once, and one string is made of it and nothing else.
  #readHead(bytes: Buffer, begin: number, hearer: AnswerHearer): number {
    const found = bytes.indexOf(HEAD_END, begin, 'latin1');
    const end = found < 0 ? bytes.length : found + HEAD_END.length;
    const text = this.#line + bytes.toString('latin1', begin, end);
    const isOnePiece = found >= 0 && this.#line === '' && this.#minor === '';
    if (isOnePiece && this.#fillForm(text)) return this.#endHead(text.length, end, hearer);
    const origin = begin - this.#line.length;
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      const lineEnd = at - 1;
      if (lineEnd < from || text.charCodeAt(lineEnd) !== CR) throw new BrokenAnswer('a line without CR');
      const start = from;
      from = at + 1;
      if (this.#minor === '') this.#readStatusLine(text.slice(start, lineEnd));
      else if (lineEnd > start) this.#readField(text, start, lineEnd);
      else {
        this.#form = undefined;
        this.#last = isOnePiece ? this.#remember(text) : undefined;
        return this.#endHead(origin + from - begin, origin + from, hearer);
      }
    }
    this.#keepLine(text.slice(from));
    this.#countHead(end - begin);
    return end;
  }

  #endHead(bytes: number, end: number, hearer: AnswerHearer): number {
    this.#countHead(bytes);
    this.#judgeHead(hearer);
    return end;
  }

  /** Cookies are secrets, and hardly ever come twice; what is long is not kept for as long as a connection. */
  #remember(text: string): Written | undefined {
    if (this.#hasCookies || this.#status < 200 || text.length > MOST_KEPT_BYTES) return undefined;
    return {
      text: new BlankedHead(text, 0, this.#blanks),
      minor: this.#minor,
      status: this.#status,
      phrase: this.#phrase,
      raw: this.#raw,
      places: this.#places,
      lengthAt: this.#lengthAt,
      coding: this.#coding,
      connection: this.#connection,
      keepAlive: this.#keepAlive,
    };
  }

  /** Reads a head that is like the one before it: what was judged then need not be judged again. */
  #fillForm(text: string): boolean {
    const last = this.#last;
    const blanks = last?.text.read(text, 0);
    if (last === undefined || blanks === undefined) return false;
    const raw = last.raw.slice();
    for (let i = 0; i < blanks.length; i += 1) {
      const value = skipSpace(blanks[i] as string);
      const place = last.places[i] as number;
      if (value === raw[place]) continue;
      if (NOT_IN_A_VALUE.test(value)) return false;
      raw[place] = value;
    }
    this.#length = last.lengthAt === undefined ? undefined : trimSpace(raw[last.lengthAt] ?? '');
    this.#minor = last.minor;
    this.#status = last.status;
    this.#phrase = last.phrase;
    this.#raw = raw;
    this.#coding = last.coding;
    this.#connection = last.connection;
    this.#keepAlive = last.keepAlive;
    this.#form ??= Object.freeze({ status: last.status });
    return true;
  }

  #countHead(bytes: number): void {
    this.#headBytes += bytes;
    if (this.#headBytes > MOST_HEAD_BYTES) throw new BrokenAnswer('its head is too large');
  }

  /** What can never become a good line is refused before it has an end: it may never have one. */
  #keepLine(line: string): void {
    const cr = line.indexOf('\r');
    if (cr >= 0 && cr < line.length - 1) throw new BrokenAnswer('a line with CR in it');
    const isNoStatusLine = this.#minor === '' && !line.startsWith(VERSION.slice(0, line.length));
    if (isNoStatusLine) throw new BrokenAnswer('no HTTP');
    this.#line = line;
  }

  #readStatusLine(line: string): void {
    const parts = STATUS_LINE.exec(line);
    if (parts === null) throw new BrokenAnswer('no status line');
    this.#minor = parts[1] ?? '';
    this.#status = Number(parts[2]);
    this.#phrase = parts[3] ?? '';
  }

  #readField(text: string, start: number, end: number): void {
    const colon = text.indexOf(':', start);
    const judged = judgeName(text.slice(start, colon));
    if (colon < 0 || colon > end || !judged.isName) throw new BrokenAnswer('a line that is no header');
    let from = colon + 1;
    while (from < end && isSpace(text.charCodeAt(from))) from += 1;
    // Space behind it is no part of it either (RFC 9112 section 5), but goes on as it came.
    const value = text.slice(from, end);
    if (NOT_IN_A_VALUE.test(value)) throw new BrokenAnswer('a header with control characters');
    if (judged.frames) this.#noteFraming(judged.key, trimSpace(value));
    this.#raw.push(judged.text, value);
    if (judged.isBlank) {
      this.#places.push(this.#raw.length - 1);
      this.#blanks.push([colon + 1, end]);
      if (judged.key === 'content-length') this.#lengthAt = this.#raw.length - 1;
    } else if (judged.key === 'set-cookie') this.#hasCookies = true;
  }

  #noteFraming(key: string, value: string): void {
    if (key === 'connection') this.#connection += `${value.toLowerCase()},`;
    else if (key === 'keep-alive') this.#keepAlive += value;
    else if (this.#length !== undefined || this.#coding !== undefined)
      throw new BrokenAnswer('it says its length twice');
    else if (key === 'content-length') this.#length = value;
    else this.#coding = value.toLowerCase();
  }

  // RFC 9112 section 6.3.
  #judgeHead(hearer: AnswerHearer): void {
    const [status, length, coding] = [this.#status, this.#length, this.#coding];
    if (length !== undefined && !LENGTH.test(length)) throw new BrokenAnswer('a length that is none');
    // Of all transfer codings only "chunked" can be taken off again; a client was promised none (section 6.1).
    if (coding !== undefined && coding !== 'chunked')
      throw new BrokenAnswer('a transfer coding beyond chunked');
    // Nobody asked for these.
    if (status === 100 || status === 101) throw new BrokenAnswer('an interim answer that nobody asked for');
    if (status < 200) return this.#openHead();
    const hasNoBody = this.#method === 'HEAD' || status === 204 || status === 304;
    // A legacy that announces a body where there is none may send it, too.
    const isInDoubt =
      hasNoBody && this.#method !== 'HEAD' && (coding !== undefined || (length ?? '0') !== '0');
    this.#mayStay = this.#isKeptAlive() && !isInDoubt;
    hearer.began(status, this.#phrase, this.#raw, this.#form);
    this.#rest = Number(length ?? 0);
    if (hasNoBody || (length !== undefined && this.#rest === 0)) return this.#finish(hearer);
    if (coding !== undefined) this.#chunks.open();
    this.#phase = coding !== undefined ? 'chunks' : length !== undefined ? 'length' : 'until_close';
    if (this.#phase === 'until_close') this.#mayStay = false;
  }

  #isKeptAlive(): boolean {
    const says = this.#connection;
    // What nearly every answer says.
    if (this.#minor === '1' && (says === '' || says === 'keep-alive,')) return true;
    const options = says.split(',').map((option) => option.trim());
    if (options.includes('close')) return false;
    // RFC 9112 section 6.1: HTTP/1.0 knows no transfer codings.
    return this.#minor === '1' || (options.includes('keep-alive') && this.#coding === undefined);
  }

  #readBody(bytes: Buffer, at: number, hearer: AnswerHearer): number {
    if (this.#phase === 'chunks') return this.#readChunks(bytes, at, hearer);
    const here = bytes.length - at;
    const taken = this.#phase === 'length' ? Math.min(here, this.#rest) : here;
    hearer.piece(at === 0 && taken === here ? bytes : bytes.subarray(at, at + taken));
    this.#rest -= taken;
    if (this.#phase === 'length' && this.#rest === 0) this.#finish(hearer);
    return at + taken;
  }

  #readChunks(bytes: Buffer, at: number, hearer: AnswerHearer): number {
    const { used, from, to } = this.#chunks.read(bytes, at);
    if (to > from) hearer.piece(bytes.subarray(from, to));
    if (this.#chunks.isOver) this.#finish(hearer);
    return used;
  }

  #finish(hearer: AnswerHearer): void {
    this.#phase = 'whole';
    hearer.whole();
  }
}

function skipSpace(text: string): string {
  let from = 0;
  while (from < text.length && isSpace(text.charCodeAt(from))) from += 1;
  return from === 0 ? text : text.slice(from);
}

/** Of what JavaScript takes for space, HTTP knows two (RFC 9110 section 5.6.3). */
function trimSpace(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

const isSpace = (code: number) => code === 32 || code === 9;
