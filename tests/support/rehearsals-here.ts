import {
  type FromRehearsals,
  type StartRehearsals,
  serveRehearsals,
  type ToRehearsals,
} from '../../src/mirror/index.ts';
import { type AlterHandle, openRehearsalParts, type ShadowWish } from '../../src/shadow.ts';

/**
 * Rehearsals in this process instead of one of their own, so that a test can put its own handlers in. Messages are cloned as between
 * processes; everything behind them is the real thing.
 */
export function rehearseHere(alter: AlterHandle): (wish: ShadowWish) => StartRehearsals {
  return (wish) => (hears, closed) => {
    let hear: (message: ToRehearsals) => void = () => undefined;
    const pass = <Message>(to: (message: Message) => void, message: Message) =>
      void setImmediate(() => to(structuredClone(message)));
    serveRehearsals(
      (message: FromRehearsals) => pass(hears, message),
      (listener) => {
        hear = listener;
      },
      (emit) => openRehearsalParts(wish, emit, alter),
    ).catch((error: unknown) => closed(error instanceof Error ? error.message : 'It could not be opened.'));
    return { send: (message) => pass(hear, message), kill: () => undefined };
  };
}
