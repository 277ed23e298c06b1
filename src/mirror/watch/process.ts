import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { chooseEnvironment } from '../../vocabulary/index.ts';
import type { FromRehearsals, RehearsalLink, StartRehearsals } from '../copy.ts';

export type ProcessWish = Readonly<{
  /** The module that serves rehearsals. */
  module: URL;
  /** Its first message: what it needs to know. Not by environment or arguments, which others on the machine can read. */
  first: unknown;
  /** Its heap in MiB; what it holds beside it may be as much again, then it is ended. */
  heapMb: number;
}>;

const LOOK_MS = 250;
const MIB = 1024 * 1024;

/** Rehearsals in a process of their own: lower priority, bounded memory, and nothing of it is left when the gateway goes. */
export function startProcess(wish: ProcessWish): StartRehearsals {
  return (hears, closed) => {
    try {
      return startOne(wish, hears, closed);
    } catch (error) {
      // Out of descriptors or memory, say. The gateway goes on, and tries again later.
      setImmediate(() => closed(`It could not be started: ${error instanceof Error ? error.message : ''}.`));
      return { send: () => undefined, kill: () => undefined };
    }
  };
}

function startOne(wish: ProcessWish, ...[hears, closed]: Parameters<StartRehearsals>): RehearsalLink {
  const child = fork(fileURLToPath(wish.module), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${wish.heapMb}`],
    env: chooseEnvironment(process.env),
    // A session of its own, for its priority's sake; see lowerPriority.
    detached: true,
  });
  let isOver = false;
  const over = (detail: string) => {
    if (isOver) return;
    isOver = true;
    clearInterval(looking);
    closed(detail);
  };
  const looking = setInterval(() => {
    if (measureRss(child) < 2 * wish.heapMb * MIB) return;
    over(`It held more than ${2 * wish.heapMb} MiB.`);
    child.kill('SIGKILL');
  }, LOOK_MS).unref();
  child.on('message', (message) => hears(message as FromRehearsals));
  child.once('exit', (code, signal) => over(`It ended with ${signal ?? `code ${code}`}.`));
  child.once('error', (error) => over(`It could not be started: ${error.message}.`));
  // A message to a process that has just died is lost with it.
  child.on('error', () => undefined);
  lowerPriority(child);
  child.send(wish.first as object, () => undefined);
  return makeLink(child);
}

function makeLink(child: ChildProcess): RehearsalLink {
  return {
    send: (message) => {
      if (child.connected) child.send(message as unknown as object, () => undefined);
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/**
 * Where both want the processor, users go first. Linux may weigh whole sessions against one another (sched(7), autogroup): then a
 * process's own niceness counts within its session only, and a rehearsal in the gateway's would take from the database and from legacy
 * what it leaves to the gateway.
 */
function lowerPriority({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  const priority = constants.priority.PRIORITY_BELOW_NORMAL;
  tryTo(() => setPriority(pid, priority));
  tryTo(() => writeFileSync(`/proc/${pid}/autogroup`, String(priority)));
}

/** It has ended already, or the system does not know or allow it: then it runs as everybody else. */
function tryTo(act: () => void): void {
  try {
    act();
  } catch {}
}

/** Resident memory in bytes (proc(5), status); 0 where the system does not tell. */
function measureRss({ pid }: ChildProcess): number {
  try {
    const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kib) * 1024;
  } catch {
    return 0;
  }
}
