import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { until } from './house.ts';

export type BanyanProcess = Readonly<{
  child: ChildProcess;
  /** Everything printed so far. */
  out(): string;
  err(): string;
  exited: Promise<number | null>;
}>;

/** Half of a start is compiling, and tests start it often. */
const NODE_COMPILE_CACHE = resolve('node_modules/.cache/banyan-tests');

/** Runs `banyan …` as a process of its own, with nothing of this environment but what Node needs. */
export function runBanyan(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): BanyanProcess {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, ['bin/banyan.mjs', ...argv], {
    env: {
      ...(PATH && { PATH }),
      ...(HOME && { HOME }),
      ...(TMPDIR && { TMPDIR }),
      NODE_COMPILE_CACHE,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, out: () => out, err: () => err, exited };
}

export async function untilPrinted(banyan: BanyanProcess, words: string, patienceMs = 90_000): Promise<void> {
  let isOver = false;
  void banyan.exited.then(() => {
    isOver = true;
  });
  await until(() => banyan.out().includes(words) || isOver, `"${words}"`, patienceMs);
  if (!banyan.out().includes(words))
    throw new Error(`banyan ended before it printed "${words}":\n${banyan.out()}\n${banyan.err()}`);
}
