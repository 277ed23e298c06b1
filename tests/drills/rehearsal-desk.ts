import type { Handle } from '../../src/handle/index.ts';
import {
  type FromRehearsals,
  type RehearsalAsk,
  type RehearsalEnd,
  type RehearsalParts,
  serveRehearsals,
  type ToRehearsals,
} from '../../src/mirror/index.ts';
import { openRehearsalParts, type ShadowWish } from '../../src/shadow.ts';
import type { BanyanEvent, NotComparedReason, Position } from '../../src/vocabulary/index.ts';

type Copy = Extract<ToRehearsals, { kind: 'copy' }>['copy'];

/** One rehearsal, as it ended. */
export type Ended = Readonly<{
  handler: string;
  manner: 'read_only' | 'read_write';
  /** Where in legacy's log its rows stood. */
  position: Position | undefined;
  /** Of the answer; 0 where there was none. */
  status: number;
  rows: number;
  effects: readonly string[];
  impossible: NotComparedReason | undefined;
}>;

/** Everything of the rehearsal process, here: copies go in as from a gateway, and every rehearsal is noted. */
export class RehearsalDesk {
  readonly ended: Ended[] = [];
  readonly events: BanyanEvent[] = [];
  readonly #waiting = new Map<number, () => void>();
  readonly #opened = Promise.withResolvers<Handle>();
  readonly #closed = Promise.withResolvers<void>();
  #hear: (message: ToRehearsals) => void = () => undefined;
  #copies = 0;

  async open(wish: ShadowWish): Promise<void> {
    await serveRehearsals(
      (message) => void setImmediate(() => this.#take(message)),
      (listener) => {
        this.#hear = listener;
      },
      async (emit) => this.#watch(await openRehearsalParts(wish, emit, (handle) => this.#note(handle))),
    );
  }

  /** The handlers that rehearse. */
  get handle(): Promise<Handle> {
    return this.#opened.promise;
  }

  /** Resolves when it has been compared and put on record. */
  judge(copy: Omit<Copy, 'number'>): Promise<void> {
    this.#copies += 1;
    const number = this.#copies;
    this.#hear({ kind: 'copy', copy: { ...copy, number } });
    return new Promise((resolve) => this.#waiting.set(number, resolve));
  }

  close(): Promise<void> {
    this.#hear({ kind: 'close' });
    return this.#closed.promise;
  }

  #take(message: FromRehearsals): void {
    if (message.kind === 'event') this.events.push(message.event);
    if (message.kind === 'judged') this.#waiting.get(message.number)?.();
    if (message.kind === 'closed') this.#closed.resolve();
    // Nobody else writes here.
    if (message.kind === 'ask_alone')
      this.#hear({ kind: 'alone_answered', question: message.question, alone: 'alone' });
  }

  #note(handle: Handle): Handle {
    this.#opened.resolve(handle);
    return handle;
  }

  #watch(parts: RehearsalParts): RehearsalParts {
    return {
      ...parts,
      runNew: async (ask, req, res) => {
        const end = await parts.runNew(ask, req, res);
        this.ended.push(describe(ask, end));
        return end;
      },
    };
  }
}

function describe({ asked, manner, at }: RehearsalAsk, end: RehearsalEnd): Ended {
  const common = { handler: asked.decision.handler ?? '', manner, position: at?.position };
  if (end.kind === 'impossible')
    return { ...common, status: 0, rows: 0, effects: [], impossible: end.reason };
  const status = end.outcome.kind === 'answered' ? end.outcome.status : 0;
  return { ...common, status, rows: end.rows.length, effects: end.effects, impossible: undefined };
}
