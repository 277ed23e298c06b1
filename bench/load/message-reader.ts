// The least that reads HTTP/1.1 messages off a socket: where one ends and, of its head, what was asked for. It believes its peer, holds
// no body and makes no objects for headers, so that whoever measures costs far less than what is measured.

type State = 'head' | 'counted' | 'chunk_size' | 'chunk' | 'chunk_end' | 'trailers' | 'until_close';

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;

export type ReaderWish = Readonly<{
  /** A request without a length has no body; an answer without one ends with its connection (RFC 9112 section 6.3). */
  of: 'requests' | 'answers';
  /** A head has arrived: the start line and all fields, as latin1, without the empty line. */
  began?: (head: string) => void;
  /** A message is whole. */
  ended: (bodyBytes: number) => void;
}>;

export class MessageReader {
  readonly #wish: ReaderWish;
  #state: State = 'head';
  #held: Buffer | undefined;
  #left = 0;
  #bodyBytes = 0;

  constructor(wish: ReaderWish) {
    this.#wish = wish;
  }

  /** True between two messages. */
  get isIdle(): boolean {
    return this.#state === 'head' && this.#held === undefined;
  }

  feed(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const next = this.#step(chunk, at);
      if (next < 0) return;
      at = next;
    }
  }

  /** Where to go on, or -1 if more must arrive first. */
  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(chunk, at);
      case 'counted':
      case 'chunk':
        return this.#passBytes(chunk, at);
      case 'chunk_size':
        return this.#readChunkSize(chunk, at);
      case 'chunk_end':
      case 'trailers':
        return this.#readTrailer(chunk, at);
      case 'until_close':
        this.#bodyBytes += chunk.length - at;
        return -1;
    }
  }

  #readHead(chunk: Buffer, at: number): number {
    const held = this.#held;
    const whole = held === undefined ? chunk : Buffer.concat([held, chunk.subarray(at)]);
    const from = held === undefined ? at : 0;
    const end = whole.indexOf(HEAD_END, from);
    if (end < 0) return this.#hold(whole.subarray(from));
    this.#held = undefined;
    const head = whole.toString('latin1', from, end);
    this.#bodyBytes = 0;
    this.#wish.began?.(head);
    this.#beginBody(head);
    // What is behind the head is the end of `chunk` in either case.
    return chunk.length - (whole.length - end - HEAD_END.length);
  }

  #beginBody(head: string): void {
    const length = LENGTH.exec(head);
    if (length) this.#count(Number(length[1]));
    else if (CHUNKED.test(head)) this.#state = 'chunk_size';
    else if (this.#wish.of === 'requests' || hasNoBody(head)) this.#count(0);
    else this.#state = 'until_close';
  }

  #count(bytes: number): void {
    this.#left = bytes;
    if (bytes > 0) this.#state = 'counted';
    else this.#end();
  }

  #passBytes(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#left, chunk.length - at);
    this.#left -= taken;
    this.#bodyBytes += taken;
    if (this.#left === 0) {
      if (this.#state === 'counted') this.#end();
      else this.#state = 'chunk_end';
    }
    return at + taken;
  }

  #readChunkSize(chunk: Buffer, at: number): number {
    const line = this.#readLine(chunk, at);
    if (line === undefined) return -1;
    this.#left = Number.parseInt(line.text, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'chunk';
    return line.next;
  }

  #readTrailer(chunk: Buffer, at: number): number {
    const line = this.#readLine(chunk, at);
    if (line === undefined) return -1;
    if (this.#state === 'chunk_end') this.#state = 'chunk_size';
    else if (line.text === '') this.#end();
    return line.next;
  }

  #readLine(chunk: Buffer, at: number): Readonly<{ text: string; next: number }> | undefined {
    const held = this.#held;
    const whole = held === undefined ? chunk : Buffer.concat([held, chunk.subarray(at)]);
    const from = held === undefined ? at : 0;
    const end = whole.indexOf(LINE_END, from);
    if (end < 0) {
      this.#hold(whole.subarray(from));
      return undefined;
    }
    this.#held = undefined;
    return {
      text: whole.toString('latin1', from, end),
      next: chunk.length - (whole.length - end - LINE_END.length),
    };
  }

  /** The socket's buffer is used again, so that what is kept must be a copy. */
  #hold(part: Buffer): number {
    this.#held = Buffer.from(part);
    return -1;
  }

  #end(): void {
    this.#state = 'head';
    this.#wish.ended(this.#bodyBytes);
  }
}

const hasNoBody = (head: string) => /^HTTP\/1\.1 (1\d\d|204|304)/.test(head);

export const readStatus = (head: string): number => Number(head.slice(9, 12));
