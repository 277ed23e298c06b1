import type { IncomingRequest, OutgoingAnswer } from '../vocabulary/index.ts';

export type PaceLimit = Readonly<{
  /** 0: any pace will do. */
  bytesPerS: number;
  overMs: number;
}>;

type Window = Readonly<{ sinceMs: number; bytes: number }>;
type Look = Readonly<{ nowMs: number; bytes: number; isClientsTurn: boolean }>;

/**
 * A body that drips byte by byte is never silent, and would keep its place for ever. Judged is only time in which nobody but the client is
 * waited for; what a slow side holds up is not its fault.
 */
export function judgePace(window: Window | undefined, look: Look, limit: PaceLimit): Window | 'too_slow' {
  const anew = { sinceMs: look.nowMs, bytes: look.bytes };
  if (window === undefined || !look.isClientsTurn) return anew;
  const lastedMs = look.nowMs - window.sinceMs;
  if (lastedMs < limit.overMs) return window;
  return look.bytes - window.bytes < (limit.bytesPerS * lastedMs) / 1_000 ? 'too_slow' : anew;
}

const LOOKS = 5;

/** Looks at the uploads under way and hands over each that is too slow. Answers the way to stop. */
export function watchPace(
  uploads: () => Iterable<readonly [IncomingRequest, OutgoingAnswer]>,
  limit: PaceLimit,
  tooSlow: (req: IncomingRequest, res: OutgoingAnswer) => void,
): () => void {
  if (limit.bytesPerS === 0) return () => undefined;
  const windows = new WeakMap<IncomingRequest, Window>();
  const look = () => {
    const nowMs = performance.now();
    for (const [req, res] of uploads()) {
      const isClientsTurn = !req.complete && req.readableLength === 0 && !res.headersSent;
      const seen = { nowMs, bytes: req.socket.bytesRead, isClientsTurn };
      const window = judgePace(windows.get(req), seen, limit);
      if (window === 'too_slow') tooSlow(req, res);
      else windows.set(req, window);
    }
  };
  const timer = setInterval(look, limit.overMs / LOOKS).unref();
  return () => clearInterval(timer);
}
