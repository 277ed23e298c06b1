import { readdirSync, readFileSync } from 'node:fs';

// Who used the processors, from proc(5): a drill that misses its figures must say who was in the way.

const TICKS_PER_S = 100;

/** Seconds of processor used so far, by a process itself or by its children, those that have ended included. */
export function readCpuS(pid: number, whose: 'alone' | 'children'): number {
  const { own, ended } = readStat(pid);
  if (whose === 'alone') return own;
  return listChildren(pid).reduce((sum, child) => sum + readStat(child).own, ended);
}

export function listChildren(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1')
        .split(' ')
        .filter((text) => text !== '')
        .map(Number),
    );
  } catch {
    return [];
  }
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie has ended; only its parent has not looked yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** Seconds in which the machine's processors, all together, were not idle. */
export function readMachine(): Readonly<{ busyS: number }> {
  const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busyS: (user + nice + system + irq + softirq) / TICKS_PER_S };
}

function readStat(pid: number): Readonly<{ own: number; ended: number }> {
  try {
    const after = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = after.slice(11, 15).map(Number);
    return { own: (utime + stime) / TICKS_PER_S, ended: (cutime + cstime) / TICKS_PER_S };
  } catch {
    return { own: 0, ended: 0 };
  }
}
