export type LagWatch = Readonly<{ isShedding(): boolean; close(): void }>;

const LOOK_MS = 100;
/** One late look may be a collection of garbage; two in a row are more work than there is time for. */
const LATE_LOOKS = 2;
const CALM_LOOKS = 3;

/** Sheds from the second look in a row that comes later than `limitMs` until three have come in half of that. */
export function watchLag(
  limitMs: number,
  changed: (state: 'shedding' | 'calm', lagMs: number) => void,
): LagWatch {
  let state = { isShedding: false, streak: 0 };
  let lookedMs = performance.now();
  const look = () => {
    const nowMs = performance.now();
    const lagMs = Math.max(0, nowMs - lookedMs - LOOK_MS);
    lookedMs = nowMs;
    const next = judge(state, lagMs, limitMs);
    if (next.isShedding !== state.isShedding)
      changed(next.isShedding ? 'shedding' : 'calm', Math.round(lagMs));
    state = next;
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return { isShedding: () => state.isShedding, close: () => clearInterval(timer) };
}

type State = Readonly<{ isShedding: boolean; streak: number }>;

/** `streak`: looks in a row that speak for a change. */
export function judge({ isShedding, streak }: State, lagMs: number, limitMs: number): State {
  const speaksForChange = isShedding ? lagMs < limitMs / 2 : lagMs > limitMs;
  if (!speaksForChange) return { isShedding, streak: 0 };
  const enough = isShedding ? CALM_LOOKS : LATE_LOOKS;
  return streak + 1 < enough ? { isShedding, streak: streak + 1 } : { isShedding: !isShedding, streak: 0 };
}
