import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export const UNLEASH_FOLDER = resolve('tests/unleash');
/** What the package of this folder may take: a slow network, and 400 packages. */
export const INSTALL_WITHIN_MS = 600_000;

const STAMP = join(UNLEASH_FOLDER, 'node_modules', '.installed-from');

/**
 * Installs what the tests of this folder need, where it is missing or another version: a real Unleash server is big, and neither the demo
 * nor any other test needs it. Throws with what to do where it cannot be had.
 */
export async function installUnleash(): Promise<void> {
  // The run's own folder: two test processes may come here at once, and a run that was killed leaves no lock behind.
  const lock = join(tmpdir(), 'installing-unleash');
  while (!isInstalled()) {
    if (!takeLock(lock)) {
      await wait(200);
      continue;
    }
    try {
      process.stderr.write('Installing a real Unleash server for tests/unleash (once, about 200 MB) …\n');
      await runNpm();
      writeFileSync(STAMP, hashLock());
    } finally {
      rmSync(lock, { recursive: true });
    }
  }
}

function isInstalled(): boolean {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hashLock();
}

function hashLock(): string {
  return createHash('sha256')
    .update(readFileSync(join(UNLEASH_FOLDER, 'package-lock.json')))
    .digest('hex');
}

function takeLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
}

/** Without scripts: one of the packages would count its installs somewhere, and none needs to build anything. */
function runNpm(): Promise<void> {
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const typed = ['ci', '--prefix', UNLEASH_FOLDER, ...options];
  const { npm_execpath: npm } = process.env;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm, ...typed]] : ['npm', typed];
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: UNLEASH_FOLDER, env: plainEnvironment() });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
    child.once('error', fail);
    child.once('close', (code) => (code === 0 ? done() : fail(new Error(tellTrouble(said)))));
  });
}

/** What an outer `npm test` says of its own package must not be taken for this one's. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const isOuter = (name: string) => /^npm_(package|lifecycle|command|config_(local_)?prefix)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOuter(name)));
}

function tellTrouble(said: string): string {
  return `The packages of tests/unleash cannot be installed. With a network: npm ci --prefix tests/unleash --ignore-scripts\n${said.trim()}`;
}
