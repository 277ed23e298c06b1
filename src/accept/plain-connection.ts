import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type NodeExchange, PlainAnswer } from './plain-answer.ts';
import { MOST_PLAIN_BYTES, PlainHeads } from './plain-head.ts';
import { PlainRequest } from './plain-request.ts';

export type ConnectionOwner = Readonly<{
  keepAliveMs: number;
  stalledMs: number;
  /** Something has come; `read` is to be called when this turn of the loop is over. */
  came(connection: PlainConnection): void;
  receive(answer: PlainAnswer): void;
  /** `speak` is to be called when this turn of the loop is over. */
  ended(answer: PlainAnswer): void;
  /** From here on Node's server reads it. */
  leaveToNode(socket: Socket): void;
  /** The next request that Node reads on this connection is awaited here. */
  awaitFromNode(socket: Socket, arrived: (exchange: NodeExchange) => void): void;
  /** Nobody takes what was written to it. */
  stalled(socket: Socket): void;
  /** Answers what is to be called when it is closed, or is left to Node. */
  opened(connection: PlainConnection): () => void;
}>;

/** What may wait, behind a request that is being answered or for the end of the turn. */
const MOST_WAITING_BYTES = 64 * 1024;

/**
 * A connection for as long as one plain request follows on the answer to another. With the first that is not certainly plain all of it is
 * left to Node's server, for good: also where a second request comes before the first is answered.
 */
export class PlainConnection {
  readonly socket: Socket;
  readonly keepAliveMs: number;
  /** Since when nobody has asked anything. */
  idleSinceMs = performance.now();
  hasServed = false;
  readonly #owner: ConnectionOwner;
  readonly #heads = new PlainHeads();
  readonly #leave: () => void;
  #answer: PlainAnswer | undefined;
  /** Not read yet. */
  #came: Buffer[] = [];
  #cameBytes = 0;
  #isWatched = false;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.keepAliveMs = owner.keepAliveMs;
    this.#owner = owner;
    this.#leave = owner.opened(this);
    socket.on('data', this.#take);
    socket.on('end', this.#end);
    socket.on('error', this.#ignore);
    socket.on('close', this.#close);
    socket.on('drain', this.#drain);
    socket.on('timeout', this.#stall);
  }

  get isIdle(): boolean {
    return this.#answer === undefined && this.#came.length === 0;
  }

  /** Reads what has come. More than one piece is no plain request. */
  read(): void {
    const { socket } = this;
    const [bytes, more] = this.#came;
    // Behind an answer that says "close" nothing is carried out: nobody could be told of it (RFC 9112 section 9.6).
    if (bytes === undefined || this.#answer !== undefined || !socket.writable) return;
    const isShort = more === undefined && bytes.length <= MOST_PLAIN_BYTES;
    const head = isShort ? this.#heads.read(bytes.toString('latin1')) : undefined;
    if (head === undefined) return this.#leaveToNode(this.#came);
    this.#came = [];
    this.#cameBytes = 0;
    this.#answer = new PlainAnswer(new PlainRequest(head, bytes, socket), this);
    this.#owner.receive(this.#answer);
  }

  becomeNodes(answer: PlainAnswer): Promise<NodeExchange | undefined> {
    const { socket } = this;
    return new Promise((resolve) => {
      if (!socket.writable) return resolve(undefined);
      const gone = () => resolve(undefined);
      socket.once('close', gone);
      this.#owner.awaitFromNode(socket, (exchange) => {
        socket.off('close', gone);
        resolve(exchange);
      });
      this.#leaveToNode([answer.req.bytes, ...this.#came]);
      answer.leave();
    });
  }

  answered(answer: PlainAnswer): void {
    this.#answer = undefined;
    this.hasServed = true;
    this.idleSinceMs = performance.now();
    if (this.#isWatched) this.#stopWatching();
    if (answer.isLast) this.socket.destroySoon();
    else if (this.#came.length > 0 && this.socket.writable) this.#leaveToNode(this.#came);
  }

  ended(answer: PlainAnswer): void {
    this.#owner.ended(answer);
  }

  heldBack(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.socket.setTimeout(this.#owner.stalledMs);
  }

  readonly #take = (bytes: Buffer) => {
    this.#came.push(bytes);
    this.#cameBytes += bytes.length;
    if (this.#cameBytes > MOST_WAITING_BYTES) this.socket.pause();
    if (this.#answer === undefined && this.#came.length === 1) this.#owner.came(this);
  };

  /**
   * Node's parser reads past the stream, from the kernel itself, and would overtake what waits in the stream: so nothing may be left in there, and
   * it is told at once, as one piece, what has come so far.
   */
  #leaveToNode(bytes: readonly Buffer[]): void {
    const { socket } = this;
    this.#answer = undefined;
    this.#came = [];
    if (this.#isWatched) this.#stopWatching();
    socket.off('data', this.#take);
    socket.off('end', this.#end);
    socket.off('close', this.#close);
    socket.off('drain', this.#drain);
    socket.off('timeout', this.#stall);
    this.#leave();
    const wasPaused = socket.isPaused();
    const all = wasPaused ? [...bytes, ...takeWaiting(socket)] : bytes;
    this.#owner.leaveToNode(socket);
    socket.off('error', this.#ignore);
    socket.emit('data', all.length === 1 ? all[0] : Buffer.concat(all));
    if (wasPaused) socket.resume();
  }

  #stopWatching(): void {
    this.#isWatched = false;
    this.socket.setTimeout(0);
  }

  // As Node's server does: whoever will say nothing more is not answered any more.
  readonly #end = () => void this.socket.end();
  // "close" follows.
  readonly #ignore = () => undefined;
  readonly #drain = () => void this.#answer?.tell('drain');
  readonly #stall = () => this.#owner.stalled(this.socket);
  readonly #close = () => {
    this.#leave();
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.leave();
  };
}

/** What a stream that was held up has read and told nobody. */
function takeWaiting(socket: Socket): readonly Buffer[] {
  const waiting: Buffer[] = [];
  for (let piece = socket.read(); piece !== null; piece = socket.read()) waiting.push(piece as Buffer);
  return waiting;
}
