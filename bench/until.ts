import { setTimeout as wait } from 'node:timers/promises';

const LOOK_MS = 20;

/** Throws where it is not so in time. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  patienceMs: number,
): Promise<void> {
  const untilMs = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`waited ${patienceMs} ms for ${what}`);
    await wait(LOOK_MS);
  }
}
