import { performance } from 'node:perf_hooks';

/** Two times, because they answer two questions. */
export type Clock = Readonly<{
  /** ms since 1970: for what others wrote down (`exp`, `expiresAt`). */
  wallMs(): number;
  /** ms that never jump: for the age of what we keep. */
  steadyMs(): number;
}>;

export const systemClock: Clock = Object.freeze({
  wallMs: () => Date.now(),
  steadyMs: () => performance.now(),
});
