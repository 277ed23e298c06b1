// The chunked coding of RFC 9112 section 7.1, taken off. Trailers are read and dropped.
import { judgeName, NOT_IN_A_VALUE } from './field-name.ts';
import { BrokenAnswer } from './legacy-failure.ts';

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"';
// So many digits are exact as a number.
const SIZE_LINE = new RegExp(`^([0-9A-Fa-f]{1,13})(?:;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?)*$`);
const UNFINISHED_SIZE_LINE = /^[0-9A-Fa-f]{0,13}(?:;[\t\x20-\x7e\x80-\xff]*)?\r?$/;
const MOST_LINE_BYTES = 16 * 1024;
const MOST_TRAILER_BYTES = 64 * 1024;
const CR = 13;
const LF = 10;

type Phase = 'size' | 'data' | 'data_end' | 'trailer' | 'over';

/** Where the data of one reading stand, and how far it has come. */
export type Unchunked = Readonly<{ used: number; from: number; to: number }>;

export class ChunkReader {
  #phase: Phase = 'over';
  #line = '';
  #rest = 0;
  #trailerBytes = 0;

  open(): void {
    this.#phase = 'size';
    this.#line = '';
    this.#trailerBytes = 0;
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /**
   * Reads from `at` on. The data of all chunks are pushed together within `bytes`, so that many small chunks leave in one write.
   * Throws a `BrokenAnswer`.
   */
  read(bytes: Buffer, at: number): Unchunked {
    let used = at;
    let from = at;
    let to = at;
    while (used < bytes.length && this.#phase !== 'over') {
      if (this.#phase !== 'data') {
        used = this.#readLine(bytes, used);
        continue;
      }
      const taken = Math.min(this.#rest, bytes.length - used);
      if (to > from) bytes.copyWithin(to, used, used + taken);
      else from = to = used;
      to += taken;
      used += taken;
      this.#rest -= taken;
      if (this.#rest === 0) this.#phase = 'data_end';
    }
    return { used, from, to };
  }

  #readLine(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LF, at);
    const here = bytes.toString('latin1', at, end < 0 ? bytes.length : end);
    const line = this.#line + here;
    if (end < 0) {
      this.#keepLine(line);
      return bytes.length;
    }
    this.#line = '';
    if (line.charCodeAt(line.length - 1) !== CR) throw new BrokenAnswer('a chunk line without CR');
    this.#takeLine(line.slice(0, -1));
    return end + 1;
  }

  /** What can never become a good line is refused before it has an end: it may never have one. */
  #keepLine(line: string): void {
    const isGood =
      this.#phase === 'size'
        ? UNFINISHED_SIZE_LINE.test(line) && line.length <= MOST_LINE_BYTES
        : this.#phase === 'data_end'
          ? line === '\r'
          : line.length <= MOST_TRAILER_BYTES;
    if (!isGood) throw new BrokenAnswer('a chunk that is none');
    this.#line = line;
  }

  #takeLine(line: string): void {
    if (this.#phase === 'size') this.#openChunk(line);
    else if (this.#phase === 'trailer') this.#dropTrailer(line);
    else if (line === '') this.#phase = 'size';
    else throw new BrokenAnswer('a chunk that is longer than it says');
  }

  #openChunk(line: string): void {
    const size = line.length <= MOST_LINE_BYTES ? SIZE_LINE.exec(line)?.[1] : undefined;
    if (size === undefined) throw new BrokenAnswer('a chunk size that is none');
    this.#rest = Number.parseInt(size, 16);
    this.#phase = this.#rest === 0 ? 'trailer' : 'data';
  }

  #dropTrailer(line: string): void {
    this.#trailerBytes += line.length + 2;
    if (this.#trailerBytes > MOST_TRAILER_BYTES) throw new BrokenAnswer('its trailers are too large');
    if (line === '') {
      this.#phase = 'over';
      return;
    }
    const colon = line.indexOf(':');
    const isField =
      judgeName(line.slice(0, Math.max(0, colon))).isName && !NOT_IN_A_VALUE.test(line.slice(colon + 1));
    if (!isField) throw new BrokenAnswer('a trailer that is no header');
  }
}
