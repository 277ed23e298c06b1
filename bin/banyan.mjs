#!/usr/bin/env node
// The `banyan` command: src/ as it is from a checkout, dist/ where only the built code was shipped.
// Kept to what old versions of Node can read, so that they can say what is wrong or hand over to the pinned one.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const source = new URL('src/cli.ts', root);
const built = new URL('dist/cli.js', root);
const pinned = fileURLToPath(new URL('node_modules/node/bin/node', root));

const isSource = existsSync(source);
const [major, minor] = process.versions.node.split('.').map(Number);
// From 22.18 on Node reads TypeScript without being asked (https://nodejs.org/api/typescript.html).
const isEnough = isSource ? major > 22 || (major === 22 && minor >= 18) : major >= 22;

if (isEnough) await run();
else if (existsSync(pinned) && process.execPath !== pinned) handOver();
else {
  const remedy = existsSync(new URL('package.json', root))
    ? 'Run "npm ci" here, which brings one'
    : 'Install one';
  process.stderr.write(
    `banyan needs Node ${isSource ? '22.18' : '22'} or newer; this is ${process.versions.node}. ${remedy}.\n`,
  );
  process.exitCode = 1;
}

async function run() {
  // `banyan routes | head -1` closes the pipe early: that is no failure.
  process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    const { runCli } = await import((isSource ? source : built).href);
    process.exitCode = await runCli(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`banyan failed: ${describe(error)}\n`);
    process.exitCode = 1;
  }
}

function describe(error) {
  const { message, stack, code } = error instanceof Error ? error : { message: String(error) };
  if (process.env.LOG_LEVEL === 'debug' && stack) return stack;
  if (code === 'ERR_MODULE_NOT_FOUND')
    return 'a package or file is missing. Run "npm ci" in the project folder.';
  return `${message} (LOG_LEVEL=debug shows where)`;
}

/** Runs the same command on the pinned Node. Ctrl-C reaches both; this one waits for the other to have closed everything. */
function handOver() {
  const child = spawn(pinned, process.argv.slice(1), { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`banyan could not start ${pinned}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}
