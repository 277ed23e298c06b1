import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createApiKey } from '../../../src/admit/index.ts';
import { openMask } from '../../../src/mirror/mask/index.ts';
import type { CommandLineParts } from '../../../src/operate/index.ts';
import { openStore, type Store } from '../../../src/store/index.ts';
import {
  DEFAULT_MIRROR_RULES,
  type Difference,
  type NewSample,
  type SideAnswer,
  type TenantName,
  type UserId,
} from '../../../src/vocabulary/index.ts';
import { ADMIN_TOKEN, query, startHouse, type TestHouse } from '../../support/house.ts';
import { runBanyan } from './admin-house.ts';
import { differ, different, groupAt, NULL, text } from './comparisons.ts';

// The whole way: what legacy answers is kept masked, a difference is accepted, the fixtures are exported, and Jest in a process of its own
// runs them against a running gateway.
let house: TestHouse;
let store: Store;
let key: string;
let job: Readonly<{ id: number; prompt: string }>;
let folder: string;

beforeAll(async () => {
  house = await startHouse();
  store = await openStore({ url: house.storeUrl.app, emit: () => undefined, onUnscoped: 'refuse' });
  key = await createKey(['read', 'qa']);
  const { results } = (await (await house.call('acme', 'GET', '/api/ai/jobs/')).json()) as {
    results: { id: number; status: string; prompt: string }[];
  };
  job = results.find(({ status }) => status === 'done') as typeof job;
  await store.ledger.add([
    different('ai.job', {
      differences: [FINISHED],
      sample: await keepSample(`/api/ai/jobs/${job.id}/`, [FINISHED]),
    }),
    different('ai.job', { differences: [FINISHED], sample: { method: 'DELETE', path: '/api/ai/jobs/7/' } }),
  ]);
  const group = await groupAt(store.ledger, 'ai.job', '/finished_at');
  await store.ledger.triage(group.id, {
    state: 'accepted',
    author: 'ada',
    owner: 'grace',
    reason: 'the new engine tells it later',
    untilMs: Date.now() + 86_400_000,
  });
}, 60_000);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-fixtures-'));
  const ran = await banyan('diffs', 'export', '--to', folder);
  expect([ran.code, ran.err]).toEqual([0, '']);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(async () => {
  await store?.close();
  await house?.close();
});

const FINISHED = differ('/finished_at', 'type', text(20), NULL);

describe('exported fixtures, run by Jest against a gateway', () => {
  test('pass where the new side answers as legacy did; what would write is not asked', async () => {
    const ran = await runJest();
    expect(ran.out).toMatch(/Tests: +1 skipped, 2 passed, 3 total/);
    expect(ran.out).toContain(`✓ GET /api/ai/jobs/${job.id}/ of acme`);
    expect(ran.code).toBe(0);
  }, 60_000);

  test('hold no value of the answer', () => {
    const fixtures = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\n');
    expect(fixtures).toContain('"prompt"');
    expect(fixtures).not.toContain(job.prompt);
  });

  test('allow what was accepted until it is over, and nothing else', async () => {
    await onNewSide('UPDATE ai_job SET finished_at = NULL WHERE tenant_id = 1 AND id = $1');
    expect((await runJest()).code).toBe(0);
    editFixture((fixture) => ({
      ...fixture,
      allowed: fixture.allowed.map((one: Written) => ({ ...one, until: '2026-01-01T00:00:00Z' })),
    }));
    const over = await runJest();
    expect([over.code, over.out]).toEqual([
      1,
      expect.stringContaining('/finished_at: null instead of string'),
    ]);
  }, 90_000);

  test('fail where a value has another type, a member is gone or new, or the status is another', async () => {
    await onNewSide('UPDATE ai_job SET completion = NULL WHERE tenant_id = 1 AND id = $1');
    editFixture((fixture) => ({
      ...fixture,
      samples: fixture.samples.map((sample: Written) =>
        editBody(sample, ({ model: _, ...body }) => ({ ...body, gone: NULL })),
      ),
    }));
    const ran = await runJest();
    expect(ran.code).toBe(1);
    for (const sentence of [
      '/completion: null instead of string',
      '/model: legacy has no such member',
      '/gone: is missing',
    ])
      expect(ran.out).toContain(sentence);
    await onNewSide('DELETE FROM ai_job WHERE tenant_id = 1 AND id = $1');
    const gone = await runJest();
    expect([gone.code, gone.out]).toEqual([1, expect.stringContaining('status: 404 instead of 200')]);
  }, 90_000);

  test('say what is missing: an address, a key, or the right to choose the side', async () => {
    const plain = await createKey(['read']);
    const runs = [
      await runJest({ BANYAN_FIXTURES_URL: '' }),
      await runJest({ BANYAN_FIXTURES_KEY: '' }),
      await runJest({ BANYAN_FIXTURES_KEY: plain }),
    ];
    expect(runs.map(({ code }) => code)).toEqual([1, 1, 1]);
    expect(runs[0]?.out).toContain('Say with BANYAN_FIXTURES_URL where the gateway is.');
    expect(runs[1]?.out).toContain('Set BANYAN_FIXTURES_KEY to a key of acme with the scope qa.');
    expect(runs[2]?.out).toContain('the key has no scope qa');
  }, 90_000);
});

async function createKey(scopes: readonly string[]): Promise<string> {
  const wish = { tenant: 'acme' as TenantName, user: 1 as UserId, label: 'contract', expiresAt: undefined };
  const made = createApiKey({ env: 'test', scopes, ...wish });
  await store.keys.add(made.record);
  return made.key;
}

/** As mirror keeps it: legacy's real answer, masked. */
async function keepSample(path: string, differences: readonly Difference[]): Promise<Partial<NewSample>> {
  const answer = await house.call('acme', 'GET', path);
  const legacy: SideAnswer = {
    status: answer.status,
    headers: [...answer.headers].flat(),
    body: { kind: 'whole', bytes: new Uint8Array(await answer.arrayBuffer()) },
    askedMs: 0,
    answeredMs: 0,
  };
  const skeleton = openMask(Buffer.alloc(32, 7)).skeleton(legacy, DEFAULT_MIRROR_RULES, 'acme');
  return { path, differences, skeletons: { legacy: skeleton, new: skeleton } };
}

const onNewSide = (sql: string) => query(house.storeUrl.superuser, sql, [job.id]);

// biome-ignore lint/suspicious/noExplicitAny: a fixture as it lies in the file
type Written = any;

function editFixture(edit: (fixture: Written) => Written): void {
  const name = readdirSync(folder).find((file) => file.startsWith('ai.job.')) ?? '';
  const fixture = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Written;
  writeFileSync(join(folder, name), JSON.stringify(edit(fixture)));
}

const editBody = (sample: Written, edit: (body: Written) => Written): Written => ({
  ...sample,
  legacy: { ...sample.legacy, answer: { ...sample.legacy.answer, body: edit(sample.legacy.answer.body) } },
});

function banyan(...argv: readonly string[]) {
  const env = { BANYAN_ADMIN_URL: house.adminUrl, BANYAN_ADMIN_TOKEN: ADMIN_TOKEN };
  return runBanyan(argv, { version: 'test' } as CommandLineParts, env);
}

/** As a person would, in the folder of the export. */
function runJest(env: Readonly<Record<string, string>> = {}): Promise<{ code: number | null; out: string }> {
  const child = spawn(
    process.execPath,
    ['--experimental-vm-modules', resolve('node_modules/jest/bin/jest.js'), '--verbose', '--watchman=false'],
    {
      cwd: folder,
      env: {
        ...process.env,
        BANYAN_FIXTURES_URL: house.gatewayUrl,
        BANYAN_FIXTURES_KEY: key,
        ...env,
        NO_COLOR: '1',
        FORCE_COLOR: '0',
      },
    },
  );
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (out += String(text)));
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done({ code, out }));
  });
}
