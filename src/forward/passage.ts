import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Failure, Outcome } from '../vocabulary/index.ts';
import type { Ask } from './ask.ts';
import { carryAlone } from './carrier.ts';
import { rewriteAnswerHead } from './handshake-head.ts';
import { LegacyTooSlow, nameLegacyFailure, type Progress } from './legacy-failure.ts';

type Wish = Readonly<{
  ask: Ask;
  req: IncomingMessage;
  socket: Socket;
  /** What came right behind the client's handshake. */
  head: Buffer;
  refuse(failure: Failure): void;
  resolve(outcome: Outcome): void;
}>;

// A client must not speak before its handshake is answered (RFC 6455 section 4.1); one that does is heard so far, then held back.
const MOST_EARLY_BYTES = 64 * 1024;

// Long enough for a client on a slow line to read legacy's goodbye.
const LINGER_MS = 2_000;

/** One WebSocket between client and legacy, from its handshake to its end. */
export class Passage {
  readonly #socket: Socket;
  readonly #refuse: Wish['refuse'];
  readonly #resolve: Wish['resolve'];
  /** Until legacy has answered; a WebSocket that is open for hours needs nothing of its handshake. */
  #handshake: Pick<Wish, 'ask' | 'req'> | undefined;
  #silence: NodeJS.Timeout | undefined;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #question: ClientRequest | undefined;
  #progress: Progress = 'kept';
  #status: number | undefined;
  #failure: Failure | undefined;

  constructor({ ask, req, socket, head, refuse, resolve }: Wish) {
    this.#socket = socket;
    this.#refuse = refuse;
    this.#resolve = resolve;
    this.#handshake = { ask, req };
    this.#silence = setTimeout(() => {
      this.failed(new LegacyTooSlow());
      socket.destroySoon();
    }, ask.timeoutMs);
    if (socket.destroyed) this.#close();
    else this.#attend(head);
  }

  /** The question is on its way to legacy. */
  asked(question: ClientRequest): void {
    this.#question = question;
    if (this.#socket.destroyed) question.destroy();
    question.once('socket', (legacy) =>
      legacy.once('encrypted' in legacy ? 'secureConnect' : 'connect', () => {
        this.#progress = 'sent';
      }),
    );
    // Ours come first, so that http-proxy-middleware copies the head as we left it.
    question.prependOnceListener('upgrade', (answer, legacy: Socket) => {
      this.#answered(answer);
      this.#join(legacy);
    });
    question.prependOnceListener('response', (answer) => this.#answered(answer));
  }

  failed(error: unknown): void {
    const socket = this.#socket;
    // What breaks because the client has gone is nobody's failure.
    if (this.#failure !== undefined || socket.destroyed || socket.errored) return;
    this.#failure = nameLegacyFailure(error, 'GET', this.#progress);
    if (this.#status === undefined) this.#refuse(this.#failure);
  }

  // Only a socket that is read tells that its client has gone.
  #attend(head: Buffer): void {
    const socket = this.#socket;
    socket.once('close', this.#close);
    socket.on('data', this.#keep);
    socket.once('end', this.#giveUp);
    if (head.length > 0) this.#keep(head);
  }

  readonly #keep = (chunk: Buffer) => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > MOST_EARLY_BYTES) this.#socket.pause();
  };

  readonly #giveUp = () => this.#socket.destroy();

  /** Legacy has answered: with 101, or with a refusal of its own. */
  #answered(answer: IncomingMessage): void {
    const socket = this.#socket;
    this.#status = answer.statusCode ?? 0;
    clearTimeout(this.#silence);
    this.#silence = undefined;
    this.#tellAnswer(answer);
    // Header values are bytes.
    socket.setDefaultEncoding('latin1');
    if (this.#status !== 101) socket.once('finish', () => socket.destroy());
  }

  #tellAnswer(answer: IncomingMessage): void {
    const { ask } = this.#handshake ?? {};
    if (ask === undefined) return;
    ask.answerBegan?.(answer.statusCode === 101 ? 'stream' : 'plain');
    const { cookies } = rewriteAnswerHead(answer, ask.added);
    if (cookies.length > 0) ask.noteCookies(cookies);
  }

  /** From here on bytes are carried; neither end outlives the other. */
  #join(legacy: Socket): void {
    const socket = this.#socket;
    socket.off('data', this.#keep);
    socket.off('end', this.#giveUp);
    socket.pause();
    if (this.#early.length > 0) socket.unshift(Buffer.concat(this.#early));
    this.#early = [];
    socket.once('close', () => legacy.destroy());
    legacy.once('close', () => letGo(socket));
    // Behind all that is ours.
    carryAlone(socket, legacy, () => this.#forgetHandshake());
  }

  #forgetHandshake(): void {
    const { req } = this.#handshake ?? {};
    this.#handshake = undefined;
    this.#question = undefined;
    if (req === undefined) return;
    req.headers = {};
    req.rawHeaders = [];
  }

  readonly #close = () => {
    clearTimeout(this.#silence);
    if (this.#status === undefined) this.#question?.destroy();
    this.#resolve(this.#tellEnd());
  };

  #tellEnd(): Outcome {
    const [status, failure] = [this.#status, this.#failure];
    if (failure === undefined)
      return status === undefined ? { kind: 'abandoned' } : { kind: 'answered', status };
    return status === undefined ? { kind: 'failed', failure } : { kind: 'cut', status, failure };
  }
}

/** Ends the client's socket. What it still sends is read and thrown away: a reset could overtake legacy's goodbye. */
function letGo(socket: Socket): void {
  socket.resume();
  socket.end(() => {
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  });
}
