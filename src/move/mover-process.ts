import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type BanyanEvent, chooseEnvironment, type Emit } from '../vocabulary/index.ts';

export type MoverProcess = Readonly<{ close(): Promise<void> }>;

const AGAIN_MS = 1_000;
const GRACE_MS = 3_000;

/**
 * The mover in a process of its own, so that what it does costs no user's request anything, started anew when it ends. `first` is its first
 * message; what it tells are events.
 */
export function startMover(wish: Readonly<{ module: URL; first: object; emit: Emit }>): MoverProcess {
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const start = () => {
    const fresh = fork(fileURLToPath(wish.module), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: chooseEnvironment(process.env),
    });
    child = fresh;
    fresh.on('message', (event) => wish.emit(event as BanyanEvent));
    fresh.on('error', () => undefined);
    fresh.once('exit', (code, signal) => {
      if (isClosed) return;
      wish.emit({
        type: 'mover_changed',
        state: 'stopped',
        detail: `It ended with ${signal ?? `code ${code}`}.`,
      });
      timer = setTimeout(start, AGAIN_MS).unref();
    });
    fresh.send(wish.first, () => undefined);
  };
  start();
  return {
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      return child === undefined ? Promise.resolve() : endChild(child);
    },
  };
}

/** It ends what it is at; a step that it leaves behind the next one takes back. */
function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    if (child.connected) child.disconnect();
    else child.kill('SIGKILL');
  });
}
