import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { pinTo } from './machine.ts';
import { listTree } from './meter.ts';

/** A server in a process of its own. */
export type Server = Readonly<{ pid: number; port: number; stop(): Promise<void> }>;

export type ServerWish = Readonly<{
  command: readonly [string, ...string[]];
  /** As `taskset -c` takes them. */
  cores: string | undefined;
  port: number;
  /** Where its output goes. */
  logFile: string;
  env?: Readonly<Record<string, string>>;
}>;

const LOOK_MS = 20;
const PATIENCE_MS = 30_000;
const GRACE_MS = 3_000;

/** Resolves once it takes connections. */
export async function startServer({ command, cores, port, logFile, env = {} }: ServerWish): Promise<Server> {
  const { PATH, HOME, TMPDIR } = process.env;
  const out = openSync(logFile, 'a');
  const [program, ...argv] = [...pinTo(cores), ...command];
  const child = spawn(program ?? '', argv, {
    env: { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }), ...env },
    stdio: ['ignore', out, out],
  });
  closeSync(out);
  const pid = child.pid ?? 0;
  const gone = new Promise<void>((resolve) =>
    child.once('close', () => resolve()).once('error', () => resolve()),
  );
  // A bench that is broken off leaves nothing behind.
  const end = () => endTree(child);
  process.once('exit', end);
  await untilItListens(child, port, () => readTail(logFile));
  return {
    pid,
    port,
    // Asked first, so that it takes its own children along.
    stop: async () => {
      child.kill('SIGTERM');
      await Promise.race([gone, wait(GRACE_MS, undefined, { ref: false })]);
      end();
      await gone;
      process.off('exit', end);
    },
  };
}

async function untilItListens(child: ChildProcess, port: number, tellWhy: () => string): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  while (!(await isListening(port))) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
      throw new Error(`${child.spawnargs.join(' ')} has ended:\n${tellWhy()}`);
    if (performance.now() > untilMs)
      throw new Error(`${child.spawnargs.join(' ')} does not listen:\n${tellWhy()}`);
    await wait(LOOK_MS);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function endTree({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  for (const one of listTree(pid).toReversed())
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
}

function readTail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-20).join('\n');
}
