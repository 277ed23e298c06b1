import { monitorEventLoopDelay } from 'node:perf_hooks';

export type LagWatch = Readonly<{ isLagging(): boolean; close(): void }>;

const LOOK_MS = 500;
const RESOLUTION_MS = 10;
/** After so many calm looks in a row copies are taken again. */
const CALM_LOOKS = 4;

/** Watches the event loop: where it is late by more than `limitMs` for one request in a hundred, nothing may be added to its work. */
export function watchLag(
  limitMs: number,
  changed: (state: 'paused' | 'resumed', lagMs: number) => void,
): LagWatch {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let calm = CALM_LOOKS;
  let isLagging = false;
  const look = () => {
    // The histogram counts its own interval in.
    const lagMs = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
    delay.reset();
    calm = lagMs > limitMs ? 0 : calm + 1;
    if (isLagging === calm < CALM_LOOKS) return;
    isLagging = !isLagging;
    changed(isLagging ? 'paused' : 'resumed', Math.round(lagMs));
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return {
    isLagging: () => isLagging,
    close: () => {
      clearInterval(timer);
      delay.disable();
    },
  };
}
