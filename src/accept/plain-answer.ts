import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { OutgoingAnswer } from '../vocabulary/index.ts';
import { writeAnswerHead } from './plain-answer-head.ts';
import type { PlainRequest } from './plain-request.ts';

type Written = (error?: Error | null) => void;
type Told = 'close' | 'drain';
type Listener = Readonly<{ event: Told; listener: () => void }>;

/** The same exchange, in the words of Node's server. */
export type NodeExchange = Readonly<{ req: IncomingMessage; res: ServerResponse }>;

/** Whose answer it is. */
export type AnswerOwner = Readonly<{
  keepAliveMs: number;
  /** It is whole: `speak` says the rest of it, at its time. */
  ended(answer: PlainAnswer): void;
  /** All of it is with the kernel. */
  answered(answer: PlainAnswer): void;
  becomeNodes(answer: PlainAnswer): Promise<NodeExchange | undefined>;
  /** The client does not take it as fast as it comes. */
  heldBack(): void;
}>;

const NO_LINES: string[] = [];
const NO_LISTENERS: readonly Listener[] = [];

/**
 * The answer to a plain request, straight to its socket. The names are those of Node's `ServerResponse`, and mean the same. It tells its few listeners
 * itself: an `EventEmitter` takes a kilobyte more of each request.
 */
export class PlainAnswer implements OutgoingAnswer {
  readonly req: PlainRequest;
  socket: Socket | null;
  statusCode = 200;
  headersSent = false;
  destroyed = false;
  errored: Error | null = null;
  writableFinished = false;
  shouldKeepAlive = true;
  /** Set when the head has been said. */
  isLast = false;
  readonly #owner: AnswerOwner;
  /** Said, and kept until it is known what comes with it. */
  #head = '';
  #body: 'none' | 'chunked' | 'counted' = 'none';
  #hasEnded = false;
  #rest = '';
  #listeners: readonly Listener[] = NO_LISTENERS;

  constructor(req: PlainRequest, owner: AnswerOwner) {
    this.req = req;
    this.socket = req.socket;
    this.#owner = owner;
  }

  get writableLength(): number {
    return (this.socket?.writableLength ?? 0) + this.#head.length;
  }

  getHeaderNames(): string[] {
    return NO_LINES;
  }

  removeHeader(): void {}

  writeHead(status: number, phrase: string, lines: string[]): this {
    if (this.headersSent) throw new Error('an answer with two heads');
    const { keepAliveMs } = this.#owner;
    const { method } = this.req;
    const head = writeAnswerHead({
      method,
      status,
      phrase,
      lines,
      mayStay: this.shouldKeepAlive,
      keepAliveMs,
    });
    this.statusCode = status;
    this.headersSent = true;
    this.isLast = head.isLast;
    this.#head = head.text;
    this.#body = head.body;
    return this;
  }

  flushHeaders(): void {
    if (this.#head === '') return;
    this.#send('', undefined);
    if (this.writableLength > 0) this.#owner.heldBack();
  }

  write(bytes: string | Buffer, how?: 'latin1' | Written): boolean {
    const written = typeof how === 'function' ? how : undefined;
    if (this.#body === 'none' || bytes.length === 0) return this.#writeNothing(written);
    const mayGoOn =
      typeof bytes === 'string' ? this.#send(this.#frame(bytes), written) : this.#sendBytes(bytes, written);
    if (this.writableLength > 0) this.#owner.heldBack();
    return mayGoOn;
  }

  end(text?: string, encoding: 'latin1' | 'utf8' = 'utf8'): this {
    if (this.#hasEnded || this.destroyed) return this;
    if (!this.headersSent) this.writeHead(this.statusCode, '', NO_LINES);
    this.#hasEnded = true;
    const said = this.#body === 'none' || text === undefined ? '' : inLatin1(text, encoding);
    const last = this.#body === 'chunked' ? '0\r\n\r\n' : '';
    this.#rest = `${said === '' ? '' : this.#frame(said)}${last}`;
    this.#owner.ended(this);
    return this;
  }

  /** Says what is left to be said. */
  speak(): void {
    if (this.destroyed) return;
    this.#send(this.#rest, this.#left);
    if (this.writableLength > 0) this.#owner.heldBack();
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.errored = error ?? null;
    const { socket } = this;
    if (socket !== null) socket.destroy(error);
    process.nextTick(() => this.tell('close'));
    return this;
  }

  once(event: Told, listener: () => void): this {
    this.#listeners = [...this.#listeners, { event, listener }];
    return this;
  }

  off(event: Told, listener: () => void): this {
    if (this.#listeners.length > 0)
      this.#listeners = this.#listeners.filter((one) => one.event !== event || one.listener !== listener);
    return this;
  }

  /** Each listener is told once; nothing is told behind "close". */
  tell(event: Told): void {
    const told = this.#listeners;
    this.#listeners = event === 'close' ? NO_LISTENERS : told.filter((one) => one.event !== event);
    for (const one of told) if (one.event === event) one.listener();
  }

  detachSocket(): void {
    this.socket = null;
  }

  /** For whoever needs Node's own objects: the exchange begins anew with them, of which nobody notices. Undefined: the client has left. */
  becomeNodes(): Promise<NodeExchange | undefined> {
    return this.#owner.becomeNodes(this);
  }

  /** The connection is gone, or is somebody else's. */
  leave(): void {
    this.socket = null;
    if (this.destroyed) return;
    this.destroyed = true;
    this.tell('close');
  }

  /** In one piece, as one string, where it is small: 5 µs less than in two. */
  #send(text: string, written: Written | undefined): boolean {
    const { socket } = this;
    if (socket === null) return this.#writeNothing(written);
    const head = this.#head;
    this.#head = '';
    return socket.write(head + text, 'latin1', written);
  }

  #sendBytes(bytes: Buffer, written: Written | undefined): boolean {
    const { socket } = this;
    if (socket === null) return this.#writeNothing(written);
    const isChunked = this.#body === 'chunked';
    const before = isChunked ? `${this.#head}${bytes.length.toString(16)}\r\n` : this.#head;
    this.#head = '';
    if (before === '') return socket.write(bytes, written);
    socket.cork();
    socket.write(before, 'latin1');
    const mayGoOn = socket.write(bytes, written);
    if (isChunked) socket.write('\r\n', 'latin1');
    socket.uncork();
    return mayGoOn;
  }

  #frame(text: string): string {
    return this.#body === 'chunked' ? `${text.length.toString(16)}\r\n${text}\r\n` : text;
  }

  #writeNothing(written: Written | undefined): boolean {
    if (written !== undefined) process.nextTick(written);
    return true;
  }

  readonly #left: Written = (error) => {
    if (error || this.destroyed) return;
    this.writableFinished = true;
    this.leave();
    this.#owner.answered(this);
  };
}

/** A character a byte, so that head and body are one string. */
const inLatin1 = (text: string, encoding: 'latin1' | 'utf8') =>
  encoding === 'latin1' ? text : Buffer.from(text, 'utf8').toString('latin1');
