import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { UNLEASH_FOLDER } from './install.ts';

const ADMIN_TOKEN = '*:*.admin-token-of-the-tests';
export const CLIENT_TOKEN = '*:development.client-token-of-the-tests';

/** A real Unleash server on a database of its own. */
export type UnleashServer = Readonly<{
  /** What `UNLEASH_URL` takes. */
  url: string;
  databaseUrl: string;
  /** Calls its admin API; throws where it refuses. */
  admin<Answer>(method: string, path: string, body?: unknown): Promise<Answer>;
  start(): Promise<void>;
  /** Kills it, as a machine dies. */
  kill(): Promise<void>;
  close(): Promise<void>;
}>;

export async function openUnleash(): Promise<UnleashServer> {
  const database = await createDatabase('unleash');
  const port = await freePort();
  const base = `http://127.0.0.1:${port}/api`;
  let child: ChildProcess | undefined;
  const start = async () => {
    child = await startProcess(database.url, port);
  };
  const kill = async () => {
    const gone = child && once(child, 'exit');
    child?.kill('SIGKILL');
    await gone;
    child = undefined;
  };
  await start();
  return {
    url: base,
    databaseUrl: database.url,
    admin: (method, path, body) => askAdmin(`${base}/admin${path}`, method, body),
    start,
    kill,
    close: async () => {
      await kill();
      await database.drop();
    },
  };
}

function startProcess(databaseUrl: string, port: number): Promise<ChildProcess> {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, ['--no-warnings', join(UNLEASH_FOLDER, 'server.mjs')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH,
      HOME,
      TMPDIR,
      TZ: 'UTC',
      DATABASE_URL: databaseUrl,
      PORT: String(port),
      ADMIN_TOKEN,
      CLIENT_TOKEN,
    },
  });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    child.stdout.on('data', (chunk) => String(chunk).includes('ready') && resolve(child));
    child.once('exit', (code) => reject(new Error(`Unleash did not start (exit ${code}): ${said}`)));
  });
}

async function askAdmin<Answer>(url: string, method: string, body: unknown): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers: { authorization: ADMIN_TOKEN, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}: ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as Answer;
}

/** Takes flags out of use, or back into it, as its console does. */
export async function archiveFlags(
  { admin }: UnleashServer,
  what: 'archive' | 'revive',
  features: readonly string[],
): Promise<void> {
  await admin('POST', `/projects/default/${what}`, { features });
}
