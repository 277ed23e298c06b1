import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Stack } from './stack.ts';

const AGENT = new Agent({ keepAlive: true, maxSockets: 200 });

type Answer = Readonly<{ status: number; body: string }>;

/** Somebody who writes a message, looks whether it is there, and waits a moment; again and again, on kept connections. */
export class Chatter {
  /** The texts of messages that were answered with success. */
  readonly acknowledged: string[] = [];
  /** What was answered otherwise. */
  readonly refused: string[] = [];
  reads = 0;
  /** Looks that did not show the own last message. */
  missed = 0;
  slowestMs = 0;
  readonly #stack: Stack;
  readonly #tenant: string;
  readonly #path: string;
  readonly #nr: number;
  readonly #pauseMs: number;
  #isOver = false;

  constructor(stack: Stack, tenants: readonly string[], nr: number, pauseMs: number) {
    this.#stack = stack;
    this.#tenant = tenants[nr % tenants.length] ?? '';
    this.#path = `/api/chat/channels/${1 + (Math.floor(nr / tenants.length) % 2)}/messages/`;
    this.#nr = nr;
    this.#pauseMs = pauseMs;
  }

  stop(): void {
    this.#isOver = true;
  }

  async run(): Promise<void> {
    // So that they do not all come at once.
    await wait((this.#nr * this.#pauseMs) / 50);
    for (let count = 0; !this.#isOver; count += 1) {
      await this.#writeAndLook(`there-and-back ${this.#nr}-${count}`);
      await wait(this.#pauseMs);
    }
  }

  async #writeAndLook(text: string): Promise<void> {
    const written = await this.#ask('POST', JSON.stringify({ body: text }));
    if (written?.status !== 201) return;
    this.acknowledged.push(text);
    const seen = await this.#ask('GET', undefined, '?page_size=100');
    if (seen?.status !== 200) return;
    this.reads += 1;
    if (!seen.body.includes(`"${text}"`)) this.missed += 1;
  }

  async #ask(method: 'GET' | 'POST', body?: string, query = ''): Promise<Answer | undefined> {
    const beganMs = performance.now();
    try {
      const answer = await send(this.#stack, this.#tenant, method, this.#path + query, body);
      if (answer.status >= 300) this.refused.push(`${method} ${answer.status} ${answer.body.slice(0, 200)}`);
      return answer;
    } catch (error) {
      this.refused.push(`${method} ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    } finally {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - beganMs);
    }
  }
}

function send(
  stack: Stack,
  tenant: string,
  method: string,
  target: string,
  body: string | undefined,
): Promise<Answer> {
  const { key } = stack.shot(tenant, target);
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
    };
    const req = request({ agent: AGENT, host: '127.0.0.1', port: stack.port, method, path: target, headers });
    req.once('error', reject);
    req.setTimeout(30_000, () => req.destroy(new Error('no answer within 30 s')));
    req.once('response', (res) => {
      const pieces: Buffer[] = [];
      res.on('data', (piece: Buffer) => pieces.push(piece));
      res.once('error', reject);
      res.once('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(pieces).toString() }));
    });
    req.end(body);
  });
}
