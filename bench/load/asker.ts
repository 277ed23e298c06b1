import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { MessageReader, readStatus } from './message-reader.ts';
import { type RequestBytes, stampTrace } from './request-bytes.ts';
import { Tally } from './tally.ts';

// One for all sockets: what is in it has been looked at before another socket reads.
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);
const STEP_BETWEEN_CALLERS = 7;
const AGAIN_MS = 20;

let traces = 0;

/** One caller on one connection, with one request at a time, who goes through all requests in turn. */
export class Asker {
  /** Where answers are counted. */
  tally = new Tally();
  /** Called whenever nothing is on its way. */
  isFree: (asker: Asker) => void = () => undefined;
  readonly #port: number;
  readonly #requests: readonly RequestBytes[];
  #socket: Socket | undefined;
  #turn: number;
  #status = 0;
  #sentForMs: number | undefined;

  constructor(port: number, number: number, requests: readonly RequestBytes[]) {
    this.#port = port;
    this.#requests = requests;
    // Callers do not ask the same at the same time.
    this.#turn = number * STEP_BETWEEN_CALLERS;
  }

  open(): Promise<void> {
    const reader = new MessageReader({
      of: 'answers',
      began: (head) => {
        this.#status = readStatus(head);
      },
      ended: (bodyBytes) => this.#answered(bodyBytes),
    });
    const socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (length, buffer) => {
          reader.feed((buffer as Buffer).subarray(0, length));
          return true;
        },
      },
    });
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
      socket.on('close', () => this.#broke(socket));
    });
  }

  /** When the request was meant to be sent whose answer is not there yet. */
  get sentForMs(): number | undefined {
    return this.#sentForMs;
  }

  /** `dueMs` is when the request was meant to be sent: its latency counts from there. */
  ask(dueMs: number): void {
    const request = this.#requests[this.#turn % this.#requests.length];
    if (!request || !this.#socket) return;
    traces = (traces + 1) >>> 0;
    stampTrace(request, traces);
    this.#sentForMs = dueMs;
    this.#socket.write(request.bytes);
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  #answered(bodyBytes: number): void {
    const { expect } = this.#requests[this.#turn % this.#requests.length]?.target ?? {};
    this.#turn += 1;
    this.tally.latenciesUs.note((performance.now() - (this.#sentForMs ?? Number.NaN)) * 1_000);
    this.#sentForMs = undefined;
    if (this.#status !== expect?.status) this.tally.noteWrongStatus(this.#status);
    else if (bodyBytes !== expect.bodyBytes) this.tally.errors += 1;
    this.isFree(this);
  }

  /** A broken connection is an error; its caller comes again, so that the others are not asked for more. */
  async #broke(socket: Socket): Promise<void> {
    if (this.#socket !== socket) return;
    this.tally.errors += 1;
    this.#sentForMs = undefined;
    await wait(AGAIN_MS);
    if (this.#socket !== socket) return;
    await this.open().then(
      () => this.isFree(this),
      () => undefined,
    );
  }
}
