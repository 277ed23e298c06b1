import { type ChildProcess, fork } from 'node:child_process';
import { openSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

export type LegacyStub = Readonly<{ url: string; stop(): Promise<void> }>;

const STUB = resolve(import.meta.dirname, '../../../legacy-stub/main.ts');
const WORDLESS = ['--disable-warning=ExperimentalWarning'];

/** Makes the legacy database: registry, one schema per tenant, rows. Tenants that are there are kept. */
export function seedLegacy(
  wish: Readonly<{ databaseUrl: string; tenants: number; say: (line: string) => void }>,
): Promise<void> {
  const child = fork(STUB, ['seed', '--tenants', String(wish.tenants)], {
    env: { ...process.env, LEGACY_DATABASE_URL: wish.databaseUrl, BANYAN_CHILD: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: WORDLESS,
  });
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => wish.say(`  ${line}`));
  const complaint = collectText(child);
  return new Promise((done, refuse) => {
    child.once('exit', (code) =>
      code === 0 ? done() : refuse(new Error(`The legacy database could not be filled. ${complaint()}`)),
    );
  });
}

/** Starts the monolith as a process of its own; its log goes to `logFile`. */
export async function startLegacyStub(
  wish: Readonly<{ port: number; databaseUrl: string; jwksUrl: string; logFile: string }>,
): Promise<LegacyStub> {
  const log = openSync(wish.logFile, 'a');
  const child = fork(STUB, ['serve'], {
    env: {
      ...process.env,
      LEGACY_PORT: String(wish.port),
      LEGACY_DATABASE_URL: wish.databaseUrl,
      BANYAN_JWKS_URL: wish.jwksUrl,
      BANYAN_CHILD: '1',
    },
    stdio: ['ignore', 'pipe', log, 'ipc'],
    execArgv: WORDLESS,
  });
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  await waitForWords(child, 'legacy listening', wish.logFile);
  return {
    url: `http://127.0.0.1:${wish.port}`,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function waitForWords(child: ChildProcess, words: string, logFile: string): Promise<void> {
  return new Promise((done, refuse) => {
    child.once('exit', () =>
      refuse(new Error(`The legacy stub did not start; its last words are in ${logFile}.`)),
    );
    if (child.stdout)
      createInterface({ input: child.stdout }).on('line', (line) => line.includes(words) && done());
  });
}

function collectText(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text = `${text}${chunk}`.slice(-2_000);
  });
  return () => text.trim();
}
