// Measures what a new table, or a new answer of Unleash, costs a process that serves meanwhile. The timer that looks on stands for the
// requests: whatever it has to wait, they have to wait.
import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { BanyanEvent } from '../../src/vocabulary/index.ts';
import { servePart } from '../../tests/drills/part.ts';
import { answerFlags, openTable } from './rooms.ts';
import type { Size } from './sizes.ts';
import { writeTable } from './world.ts';

/** What is changed: the table, or the table into one full of mistakes, or what the flag server tells. */
export type Change = 'table' | 'bad_table' | 'flags';
export type ReloadAsk = Readonly<{ size: Size; change: Change }>;

export type Reload = Readonly<{
  /** The longest time for which nothing else could be done. */
  heldUpMs: number;
  /** From the change until it is in force, or refused. */
  tookMs: number;
  /** Of the whole process, all its threads. */
  cpuMs: number;
}>;

const REFRESH_MS = 250;
const QUIET_MS = 300;
const PATIENCE_MS = 30_000;
let changes = 0;

servePart(async ({ size, change }: ReloadAsk): Promise<Reload> => {
  const ended: Partial<Record<BanyanEvent['type'], number>> = {};
  const emit = (event: BanyanEvent) => {
    ended[event.type] = performance.now();
    if (event.type === 'bug') throw new Error(event.error);
  };
  const source = change === 'flags' ? 'unleash' : 'file';
  const table = await openTable(size, source, { emit, refreshMs: REFRESH_MS });
  const wished = change === 'bad_table' ? 'table_refused' : 'table_swapped';
  await wait(QUIET_MS);
  delete ended[wished];
  changes += 1;
  const reload = await watch(
    () => {
      if (change === 'flags') table.flagServer?.answer(answerFlags(size, 11 + changes));
      else writeFileSync(table.file, writeChange(size, change));
    },
    () => ended[wished],
  );
  await table.close();
  return reload;
});

/** Every canary of the bad one is misspelled: words are found for as many of them as a person could mend. */
function writeChange(size: Size, change: Change): string {
  const text = writeTable(size, 30_000 + changes);
  return change === 'table' ? text : text.replaceAll('stage: canary', 'stage: canray');
}

async function watch(begin: () => void, readEnd: () => number | undefined): Promise<Reload> {
  let heldUpMs = 0;
  begin();
  const [beganMs, before] = [performance.now(), process.cpuUsage()];
  let lastMs = beganMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    heldUpMs = Math.max(heldUpMs, nowMs - lastMs - 1);
    lastMs = nowMs;
  }, 1);
  while (readEnd() === undefined) {
    if (performance.now() - beganMs > PATIENCE_MS) throw new Error('the change is not in force');
    await wait(5);
  }
  const endedMs = readEnd() ?? 0;
  // The rest of the turn in which it ended is part of it.
  await wait(20);
  clearInterval(timer);
  const { user, system } = process.cpuUsage(before);
  return { heldUpMs, tookMs: endedMs - beganMs, cpuMs: (user + system) / 1_000 };
}
