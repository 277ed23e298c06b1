// What a process and its children have used, from proc(5). Linux only.
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_S = 100;
const NS_PER_S = 1e9;
const BYTES_PER_KB = 1024;

/** Processor time of a tree of processes. One that has ended keeps what it had used when it was last looked at. */
export class CpuMeter {
  readonly #root: number;
  readonly #used = new Map<string, number>();

  constructor(root: number) {
    this.#root = root;
  }

  /** Seconds since each process of the tree began, by process number. */
  readEachS(): ReadonlyMap<number, number> {
    for (const pid of listTree(this.#root))
      for (const task of listTasks(pid)) {
        const seconds = readTaskS(pid, task);
        if (seconds !== undefined) this.#used.set(`${pid}/${task}`, seconds);
      }
    const each = new Map<number, number>();
    for (const [task, seconds] of this.#used) {
      const pid = Number.parseInt(task, 10);
      each.set(pid, (each.get(pid) ?? 0) + seconds);
    }
    return each;
  }
}

/** What was used between two looks: by all processes together, and by the one that used most. */
export function compareEachS(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): Readonly<{ all: number; busiest: number }> {
  const used = [...after].map(([pid, seconds]) => seconds - (before.get(pid) ?? 0));
  return { all: used.reduce((sum, one) => sum + one, 0), busiest: Math.max(0, ...used) };
}

/** Resident memory of a tree of processes, in bytes; pages that several of them share count once for each. */
export function readRssBytes(root: number): number {
  return listTree(root).reduce((sum, pid) => {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readProc(`${pid}/status`) ?? '');
    return sum + Number(match?.[1] ?? 0) * BYTES_PER_KB;
  }, 0);
}

/** A process and everything that it has started. */
export function listTree(root: number): readonly number[] {
  const children = listTasks(root).flatMap((task) =>
    (readProc(`${root}/task/${task}/children`) ?? '')
      .split(' ')
      .filter((text) => text !== '')
      .map(Number),
  );
  return [root, ...children.flatMap(listTree)];
}

/** Seconds that one thread has run: to the nanosecond where the kernel keeps that, else in ticks of 10 ms. */
function readTaskS(pid: number, task: string): number | undefined {
  const exact = Number((readProc(`${pid}/task/${task}/schedstat`) ?? '').split(' ')[0]);
  if (exact > 0) return exact / NS_PER_S;
  return readTicksS(readProc(`${pid}/task/${task}/stat`));
}

export function readTicksS(stat: string | undefined): number | undefined {
  const [utime, stime] = (stat?.split(') ').at(-1)?.split(' ') ?? []).slice(11, 13).map(Number);
  return utime === undefined || stime === undefined ? undefined : (utime + stime) / TICKS_PER_S;
}

function listTasks(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return undefined;
  }
}
