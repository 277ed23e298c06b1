import type { Socket } from 'node:net';
import { type AnswerHearer, AnswerReader } from './answer-reader.ts';
import { BrokenAnswer, StaleLine } from './legacy-failure.ts';
import type { Upload } from './upload.ts';

/** What is asked on a line, and who waits for the answer. */
export interface Question extends AnswerHearer {
  readonly method: string;
  /** One character a byte. */
  readonly head: string;
  readonly upload: Upload | undefined;
  /** The line is of no use to others afterwards. */
  readonly isLast: boolean;
  /** The name that legacy must prove to own; undefined without TLS. */
  readonly servername: string | undefined;
  /** It is on its way from here on, and may be carried out. False: nobody waits for it any more. */
  asked(line: Line): boolean;
  /** A piece of its body has gone on. */
  sent(): void;
  /** All has been told that has come so far. */
  toldSoFar(): void;
  failed(error: unknown): void;
}

/** Where a line goes when its exchange is over, one way or the other. */
export type LineOwner = Readonly<{
  freed(line: Line): void;
  closed(line: Line): void;
  /** It never left: somebody else is to ask it. */
  again(question: Question): void;
}>;

/** One connection to legacy, which carries one exchange at a time. */
export class Line {
  readonly servername: string | undefined;
  /** When its last exchange was over, and how long it may be idle since, in ms. */
  freedMs = 0;
  staysMs = Number.POSITIVE_INFINITY;
  readonly #socket: Socket;
  readonly #owner: LineOwner;
  readonly #reader = new AnswerReader();
  #question: Question | undefined;
  #hasAsked = false;
  #hasAnswered = false;
  #isHeld = false;
  #isOver = false;

  constructor(socket: Socket, servername: string | undefined, owner: LineOwner) {
    this.#socket = socket;
    this.servername = servername;
    this.#owner = owner;
    socket.on('end', () => this.#ended());
    socket.on('error', () => this.drop());
    socket.on('close', () => this.drop());
    socket.on('drain', () => this.#question?.upload?.goOn());
  }

  /** Takes a question; it is sent with `send`, so that what legacy says before it was asked is never taken for an answer to it. */
  take(question: Question): void {
    this.#question = question;
    this.#hasAsked = false;
  }

  send(): void {
    const question = this.#question;
    if (question === undefined) return;
    if (!question.asked(this)) {
      this.#question = undefined;
      return this.#owner.freed(this);
    }
    this.#reader.expect(question.method);
    if (question.upload === undefined) this.write(question.head);
    else question.upload.flow(this, question);
  }

  /** Text is Latin-1. Answers whether more may be written before it has drained. */
  write(bytes: string | Buffer, written?: (error?: Error | null) => void): boolean {
    this.#hasAsked = true;
    return this.#socket.write(bytes as string, 'latin1', written);
  }

  /** Not all of what was written has left. */
  get isFull(): boolean {
    return this.#socket.writableLength > 0;
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** No more of the answer can be taken at the moment. */
  hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  letGo(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#socket.resume();
  }

  /** Bytes have come. They may be overwritten as soon as this returns. */
  read(bytes: Buffer): void {
    const question = this.#question;
    // Nobody has asked: whatever it is, it is nobody's answer.
    if (question === undefined || !this.#hasAsked) return this.drop();
    try {
      const used = this.#reader.read(bytes, question);
      if (!this.#reader.isWhole) question.toldSoFar();
      else if (this.#question === question) this.#free(question, bytes.length - used);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Ends it at once. Whoever waits for an answer on it is told. */
  drop(): void {
    if (this.#isOver) return;
    this.#fail(
      this.#hasAnswered && !this.#reader.hasBegun
        ? new StaleLine()
        : new BrokenAnswer('the connection is lost'),
    );
  }

  /** Ends it at once: nobody waits any more. */
  giveUp(): void {
    this.#question?.upload?.stop();
    this.#question = undefined;
    this.drop();
  }

  #ended(): void {
    const question = this.#question;
    if (question === undefined || !this.#hasAsked || !this.#reader.hasBegun) return this.drop();
    try {
      this.#reader.end(question);
      this.#free(question, 0);
    } catch (error) {
      this.#fail(error);
    }
  }

  // Bytes behind the end of an answer would be taken for the next one.
  #free(question: Question, surplus: number): void {
    this.#question = undefined;
    this.#hasAnswered = true;
    this.staysMs = this.#reader.staysMs;
    const isStillSending = question.upload !== undefined && !question.upload.isSent;
    question.upload?.stop();
    if (surplus > 0 || question.isLast || isStillSending || this.staysMs === 0) return this.drop();
    this.letGo();
    this.#owner.freed(this);
  }

  #fail(error: unknown): void {
    const question = this.#question;
    this.#question = undefined;
    if (!this.#isOver) {
      this.#isOver = true;
      this.#socket.destroy();
      this.#owner.closed(this);
    }
    if (question === undefined) return;
    // One that never carried an answer may be closed again and again.
    if (!this.#hasAsked && this.#hasAnswered) {
      question.upload?.stay();
      return this.#owner.again(question);
    }
    question.upload?.stop();
    question.failed(error);
  }
}
