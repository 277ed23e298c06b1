import type { Handle } from '../../src/handle/index.ts';
import { type FromRehearsals, serveRehearsals, type ToRehearsals } from '../../src/mirror/index.ts';
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
export type RehearsalDesk = Readonly<{
  /** The handlers that rehearse. */
  handle: Handle;
  ended: readonly Ended[];
  events: readonly BanyanEvent[];
  /** Resolves when it has been compared and put on record. */
  judge(copy: Omit<Copy, 'number'>): Promise<void>;
  close(): Promise<void>;
}>;

export async function openRehearsalDesk(wish: ShadowWish): Promise<RehearsalDesk> {
  const [ended, events]: [Ended[], BanyanEvent[]] = [[], []];
  const waiting = new Map<number, () => void>();
  const closing = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<Handle>();
  let hear: (message: ToRehearsals) => void = () => undefined;
  const listen = (message: FromRehearsals) => {
    if (message.kind === 'event') events.push(message.event);
    if (message.kind === 'judged') waiting.get(message.number)?.();
    if (message.kind === 'closed') closing.resolve();
    // Nobody else writes here.
    if (message.kind === 'ask_alone')
      hear({ kind: 'alone_answered', question: message.question, alone: 'alone' });
  };
  await serveRehearsals(
    (message) => void setImmediate(listen, message),
    (listener) => {
      hear = listener;
    },
    async (emit) => {
      const parts = await openRehearsalParts(wish, emit, (handle) => {
        opened.resolve(handle);
        return handle;
      });
      return {
        ...parts,
        runNew: async (ask, req, res) => {
          const end = await parts.runNew(ask, req, res);
          const { handler = '' } = ask.asked.decision;
          const common = { handler, manner: ask.manner, position: ask.at?.position };
          if (end.kind === 'impossible')
            ended.push({ ...common, status: 0, rows: 0, effects: [], impossible: end.reason });
          else {
            const status = end.outcome.kind === 'answered' ? end.outcome.status : 0;
            const { effects } = end;
            ended.push({ ...common, status, rows: end.rows.length, effects, impossible: undefined });
          }
          return end;
        },
      };
    },
  );
  let copies = 0;
  return {
    handle: await opened.promise,
    ended,
    events,
    judge: (copy) => {
      copies += 1;
      const number = copies;
      hear({ kind: 'copy', copy: { ...copy, number } });
      return new Promise((resolve) => waiting.set(number, resolve));
    },
    close: () => {
      hear({ kind: 'close' });
      return closing.promise;
    },
  };
}
