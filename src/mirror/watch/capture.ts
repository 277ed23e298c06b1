import type { Captured, Tap } from '../../vocabulary/index.ts';

/** Bytes that all copies together may hold. */
export class ByteBudget {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  take(bytes: number): 'taken' | 'full' {
    if (this.#held + bytes > this.#most) return 'full';
    this.#held += bytes;
    return 'taken';
  }

  giveBack(bytes: number): void {
    this.#held -= bytes;
  }
}

/** One body as it passes by. */
class Keeper {
  readonly #most: number;
  readonly #budget: ByteBudget;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #state: 'keeping' | 'larger' | 'full' = 'keeping';

  constructor(most: number, budget: ByteBudget) {
    this.#most = most;
    this.#budget = budget;
  }

  get isFull(): boolean {
    return this.#state === 'full';
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(piece: Uint8Array): void {
    if (this.#state !== 'keeping') return;
    if (this.#bytes + piece.length > this.#most) this.drop('larger');
    else if (this.#budget.take(piece.length) === 'full') this.drop('full');
    else {
      // A copy: a slice would hold the whole buffer that the socket was read into.
      this.#pieces.push(new Uint8Array(piece));
      this.#bytes += piece.length;
    }
  }

  drop(state: 'keeping' | 'larger' | 'full'): void {
    this.#budget.giveBack(this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
    this.#state = state;
  }

  read(): Captured {
    return this.#state === 'keeping'
      ? { kind: 'whole', bytes: Buffer.concat(this.#pieces) }
      : { kind: 'larger' };
  }
}

/** Takes a copy of one exchange, within a budget. */
export class Capture implements Tap {
  readonly #asked: Keeper;
  readonly #answer: Keeper;
  readonly #hasBody: boolean;
  status = 0;
  headers: readonly string[] = [];

  constructor(method: string, mostBytes: number, budget: ByteBudget) {
    this.#asked = new Keeper(mostBytes, budget);
    this.#answer = new Keeper(mostBytes, budget);
    this.#hasBody = method !== 'HEAD';
  }

  /** True where the copies of all exchanges together hold too much. */
  get isFull(): boolean {
    return this.#asked.isFull || this.#answer.isFull;
  }

  get bytes(): number {
    return this.#asked.bytes + this.#answer.bytes;
  }

  uploaded(piece: Uint8Array): void {
    this.#asked.add(piece);
  }

  answerBegan(status: number, headers: readonly string[]): void {
    this.status = status;
    this.headers = headers;
    this.#answer.drop('keeping');
  }

  answered(piece: Uint8Array): void {
    if (this.#hasBody) this.#answer.add(piece);
  }

  read(): Readonly<{ asked: Captured; answer: Captured }> {
    return { asked: this.#asked.read(), answer: this.#answer.read() };
  }

  release(): void {
    this.#asked.drop('keeping');
    this.#answer.drop('keeping');
  }
}
