// Legacy's answer, read off the bytes of a connection that carries one exchange at a time (RFC 9112). Whatever two readers could take for
// two different things is refused, never repaired: what follows on the same connection would be somebody else's answer.

import {
  type AnswerForm,
  AnswerMemory,
  type AnswerWords,
  isSpace,
  type Marks,
  mark,
  openMarks,
  trimSpace,
} from './answer-form.ts';
import { ChunkReader } from './chunk-reader.ts';
import { judgeName, NOT_IN_A_VALUE } from './field-name.ts';
import { BrokenAnswer } from './legacy-failure.ts';

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
const VERSION = 'HTTP/1.';
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: ([^\r\n]*))?$/;
// So many digits are exact as a number.
const LENGTH = /^[0-9]{1,15}$/;
const CR = 13;

const NOTHING: Readonly<AnswerWords> = Object.freeze({
  ...{ minor: '', status: 0, phrase: '', raw: [], length: undefined, coding: undefined },
  ...{ connection: '', keepAlive: '' },
});

export class AnswerReader {
  readonly #memory = new AnswerMemory();
  #phase: Phase = 'head';
  #method = '';
  /** Of a head that comes in pieces: the line that has no end yet. */
  #line = '';
  #headBytes = 0;
  #words: AnswerWords = NOTHING;
  #marks: Marks | undefined;
  #mayStay = false;
  #rest = 0;
  readonly #chunks = new ChunkReader();
  #hasBegun = false;

  /** A question has been asked; what comes now answers it. */
  expect(method: string): void {
    this.#method = method;
    this.#hasBegun = false;
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
    const { keepAlive } = this.#words;
    if (keepAlive === '') return Number.POSITIVE_INFINITY;
    const hint = /timeout=([0-9]{1,9})/i.exec(keepAlive)?.[1];
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
    this.#words = NOTHING;
    this.#marks = undefined;
    this.#mayStay = false;
  }

  // Nearly always the whole head has come at once, and one string is made of it and nothing else.
  #readHead(bytes: Buffer, begin: number, hearer: AnswerHearer): number {
    const found = bytes.indexOf(HEAD_END, begin, 'latin1');
    const end = found < 0 ? bytes.length : found + HEAD_END.length;
    const text = this.#line + bytes.toString('latin1', begin, end);
    const isOnePiece = found >= 0 && this.#line === '' && this.#words === NOTHING;
    const recalled = isOnePiece ? this.#memory.recall(text) : undefined;
    if (recalled !== undefined) {
      this.#words = recalled;
      return this.#endHead(text.length, end, hearer);
    }
    const origin = begin - this.#line.length;
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      const lineEnd = at - 1;
      if (lineEnd < from || text.charCodeAt(lineEnd) !== CR) throw new BrokenAnswer('a line without CR');
      const start = from;
      from = at + 1;
      if (this.#words === NOTHING) this.#readStatusLine(text.slice(start, lineEnd));
      else if (lineEnd > start) this.#readField(text, start, lineEnd);
      else {
        if (isOnePiece && this.#marks) this.#memory.learn(text, this.#words, this.#marks);
        else this.#memory.forget();
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

  #countHead(bytes: number): void {
    this.#headBytes += bytes;
    if (this.#headBytes > MOST_HEAD_BYTES) throw new BrokenAnswer('its head is too large');
  }

  /** What can never become a good line is refused before it has an end: it may never have one. */
  #keepLine(line: string): void {
    const cr = line.indexOf('\r');
    if (cr >= 0 && cr < line.length - 1) throw new BrokenAnswer('a line with CR in it');
    const isNoStatusLine = this.#words === NOTHING && !line.startsWith(VERSION.slice(0, line.length));
    if (isNoStatusLine) throw new BrokenAnswer('no HTTP');
    this.#line = line;
  }

  #readStatusLine(line: string): void {
    const parts = STATUS_LINE.exec(line);
    if (parts === null) throw new BrokenAnswer('no status line');
    const [, minor = '', status, phrase = ''] = parts;
    this.#words = { ...NOTHING, minor, status: Number(status), phrase, raw: [] };
    this.#marks = openMarks();
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
    const { raw } = this.#words;
    raw.push(judged.text, value);
    if (this.#marks) mark(this.#marks, judged, [colon + 1, end], raw.length - 1);
  }

  #noteFraming(key: string, value: string): void {
    const words = this.#words;
    if (key === 'connection') words.connection += `${value.toLowerCase()},`;
    else if (key === 'keep-alive') words.keepAlive += value;
    else if (words.length !== undefined || words.coding !== undefined)
      throw new BrokenAnswer('it says its length twice');
    else if (key === 'content-length') words.length = value;
    else words.coding = value.toLowerCase();
  }

  // RFC 9112 section 6.3.
  #judgeHead(hearer: AnswerHearer): void {
    const { status, phrase, raw, length, coding } = this.#words;
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
    hearer.began(status, phrase, raw, this.#memory.form);
    this.#rest = Number(length ?? 0);
    if (hasNoBody || (length !== undefined && this.#rest === 0)) return this.#finish(hearer);
    if (coding !== undefined) this.#chunks.open();
    this.#phase = coding !== undefined ? 'chunks' : length !== undefined ? 'length' : 'until_close';
    if (this.#phase === 'until_close') this.#mayStay = false;
  }

  #isKeptAlive(): boolean {
    const { minor, coding, connection: says } = this.#words;
    // What nearly every answer says.
    if (minor === '1' && (says === '' || says === 'keep-alive,')) return true;
    const options = says.split(',').map((option) => option.trim());
    if (options.includes('close')) return false;
    // RFC 9112 section 6.1: HTTP/1.0 knows no transfer codings.
    return minor === '1' || (options.includes('keep-alive') && coding === undefined);
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
