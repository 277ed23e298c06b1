import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type BanyanProcess, runBanyan, untilPrinted } from '../support/banyan-process.ts';
import { freePort } from '../support/free-port.ts';

// A private folder, as `mkdtemp` makes them: for root, PostgreSQL's own user could not enter it.
const folder = mkdtempSync(join(tmpdir(), 'banyan-demo-'));
// A temporary folder of this test's own: other demos run at the same time.
const temporary = mkdtempSync(join(tmpdir(), 'banyan-tmp-'));
chmodSync(temporary, 0o755);
const ports: Record<string, string> = {};
let env: Record<string, string> = {};
beforeAll(async () => {
  copyFileSync('routes.config.yaml', join(folder, 'routes.config.yaml'));
  for (const name of ['PORT', 'ADMIN_PORT', 'LEGACY_PORT', 'EMBEDDED_PG_PORT'])
    ports[name] = String(await freePort());
  env = {
    ...ports,
    TMPDIR: temporary,
    // Test machines are busy.
    SHED_LAG_MS: '60000',
    BANYAN_DATA_DIR: join(folder, '.banyan'),
    BANYAN_CONFIG: join(folder, 'routes.config.yaml'),
  };
});
afterAll(() => {
  // Data that had to stand on open ground go with the folder that points to them.
  for (const name of readdirSync(join(folder, '.banyan'))) {
    if (name.endsWith('.elsewhere'))
      rmSync(execFileSync('readlink', [join(folder, '.banyan', name)], { encoding: 'utf8' }).trim(), {
        recursive: true,
      });
  }
  rmSync(folder, { recursive: true, force: true });
  rmSync(temporary, { recursive: true, force: true });
});

const key = { authorization: 'Bearer byn_demo_initech', 'content-type': 'application/json' };
const call = async (path: string, init: RequestInit = {}) => {
  const answer = await fetch(`http://127.0.0.1:${env.PORT}${path}`, { ...init, headers: key });
  return { status: answer.status, body: (await answer.json()) as { id: number } };
};
const isListening = (port: string) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
const listTemporary = () => readdirSync(temporary);

async function stop(banyan: BanyanProcess): Promise<number | null> {
  banyan.child.kill('SIGINT');
  return banyan.exited;
}

test('one command brings up everything; Ctrl-C takes it down without a trace; a second start finds the data as they were', async () => {
  const first = runBanyan(['demo', '--tenants', '3'], env);
  await untilPrinted(first, 'Ctrl-C stops everything');
  expect(first.out()).toContain('byn_demo_acme');
  expect(first.out().match(/^ {2}(curl|npx) /gm)).toHaveLength(3);
  const written = await call('/api/ai/completions/', {
    method: 'POST',
    body: JSON.stringify({ prompt: 'kept over a restart' }),
  });
  expect(written.status).toBe(201);
  const token = readFileSync(join(folder, '.banyan', 'admin-token'), 'utf8').trim();
  const ready = await fetch(`http://127.0.0.1:${env.ADMIN_PORT}/api/tenants`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(JSON.stringify(await ready.json())).toContain('initech');

  expect(await stop(first)).toBe(0);
  expect(first.err()).toBe('');
  expect(await Promise.all(Object.values(ports).map(isListening))).toEqual([false, false, false, false]);
  expect(listTemporary()).toEqual([]);

  const second = runBanyan(['demo', '--tenants', '3'], env);
  await untilPrinted(second, 'Ctrl-C stops everything');
  const read = await call(`/api/ai/jobs/${written.body.id}/`);
  expect(read).toEqual({ status: 200, body: written.body });

  // Whoever edits the table sees on the terminal what became of it.
  appendFileSync(join(folder, 'routes.config.yaml'), 'rutes: []\n');
  await untilPrinted(second, 'The last good table stays in force.', 10_000);
  expect(second.out()).toMatch(/routes\.config\.yaml:\d+:1: .*did you mean "routes"/);
  copyFileSync('routes.config.yaml', join(folder, 'routes.config.yaml'));
  expect(await stop(second)).toBe(0);
}, 180_000);

test('a demo whose process is killed leaves no database behind', async () => {
  const banyan = runBanyan(['demo', '--tenants', '3'], env);
  await untilPrinted(banyan, 'Ctrl-C stops everything');
  banyan.child.kill('SIGKILL');
  await banyan.exited;
  const beganMs = performance.now();
  while ((await Promise.all(Object.values(ports).map(isListening))).includes(true)) {
    if (performance.now() - beganMs > 15_000)
      throw new Error('something still listens 15 s after the demo was killed');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}, 120_000);
