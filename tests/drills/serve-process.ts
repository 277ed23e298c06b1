import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { listChildren } from './cores.ts';
import { LogFile } from './log-file.ts';

/** `banyan serve` as in production: a process of its own, with workers of its own. */
export type ServeProcess = Readonly<{
  pid: number;
  log: LogFile;
  /** Process numbers of its workers. */
  workers(): readonly number[];
  /** All processes that it consists of. */
  pids(): readonly number[];
  kill(signal?: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal that ended it. */
  gone: Promise<number | string>;
}>;

export type ServeWish = Readonly<{
  logFile: string;
  env: Readonly<Record<string, string>>;
  argv?: readonly string[];
}>;

const LOOK_MS = 20;
const PATIENCE_MS = 30_000;
const LAST_CHARACTERS = 4_000;

/** Resolves once the gateway listens. */
export async function startServe({ logFile, env, argv = [] }: ServeWish): Promise<ServeProcess> {
  const { PATH, HOME, TMPDIR } = process.env;
  const out = openSync(logFile, 'a');
  const child = spawn(process.execPath, ['bin/banyan.mjs', 'serve', ...argv], {
    env: { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }), ...env },
    stdio: ['ignore', out, out],
  });
  closeSync(out);
  const log = new LogFile(logFile);
  let how: number | string | undefined;
  const gone = new Promise<number | string>((resolve) =>
    child.once('exit', (code, signal) => {
      how = signal ?? code ?? 0;
      resolve(how);
    }),
  );
  const untilMs = performance.now() + PATIENCE_MS;
  while (!log.find('listening').some(({ door }) => door === 'gateway')) {
    if (how !== undefined || performance.now() > untilMs) {
      child.kill('SIGKILL');
      const last = readFileSync(logFile, 'utf8').slice(-LAST_CHARACTERS);
      throw new Error(`banyan serve does not listen (${how ?? 'too slow'}):\n${last}`);
    }
    await wait(LOOK_MS);
  }
  const pid = child.pid ?? 0;
  // A drill that is broken off leaves nothing behind; workers follow their primary.
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  void gone.then(() => process.off('exit', end));
  const workers = () => listChildren(pid);
  return {
    pid,
    log,
    workers,
    pids: () => [pid, ...workers()],
    kill: (signal) => void child.kill(signal),
    gone,
  };
}
