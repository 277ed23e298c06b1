import { afterEach, describe, expect, test } from '@jest/globals';
import type { FeatureName, Side, TenantName } from '../../../src/vocabulary/index.ts';
import { type Bench, callerOf, openBench } from './support.ts';

const [ACME, GLOBEX] = ['acme', 'globex'] as TenantName[];
const AI = 'ai' as FeatureName;

let bench: Bench | undefined;
afterEach(() => bench?.close());

const table = (words: Readonly<{ tenants?: string; stage?: string; force?: string }>) => `version: 1
flags: { ai-engine: { percent: 0, tenants: [${words.tenants ?? ''}] } }
features:
  ai: { flag: ai-engine, tables: [ai_job]${words.force ?? ''} }
routes:
  - id: ai.complete
    match: { method: POST, path: /api/ai/completions/ }
    feature: ai
    stage: ${words.stage ?? 'canary'}
    handle: ai/complete
    if_new_fails: legacy
  - id: ai.cancel
    match: { method: POST, path: /api/ai/cancel/ }
    feature: ai
    stage: canary
    handle: ai/complete
  - id: ai.jobs
    match: { method: GET, path: /api/ai/jobs/ }
    feature: ai
    stage: canary
    handle: ai/jobs
`;

type Ask = Readonly<{ method?: string; path?: string; tenant?: TenantName; wish?: Side }>;

async function decide(text: string, owners: Readonly<Record<string, Side>>, ask: Ask = {}) {
  bench = await openBench(text, {
    ownerOf: (tenant, feature) => (feature === AI ? owners[tenant ?? ''] : undefined),
  });
  const { method = 'POST', path = '/api/ai/completions/', tenant = ACME as TenantName, wish } = ask;
  const snapshot = bench.decide.pin();
  const caller = callerOf(tenant, wish && ['qa']);
  return bench.decide.decide(snapshot, bench.decide.match(snapshot, method, path), caller, {
    wish,
    upgrade: false,
    path,
  });
}

describe('while the rows of a feature are being moved', () => {
  test.each(['POST', 'GET'])('%s goes to the owner, whatever the flag says', async (method) => {
    const path = method === 'GET' ? '/api/ai/jobs/' : '/api/ai/completions/';
    expect(await decide(table({ tenants: 'acme' }), { acme: 'legacy' }, { method, path })).toMatchObject({
      side: 'legacy',
      reason: 'owner',
    });
    await bench?.close();
    expect(await decide(table({}), { acme: 'new' }, { method, path })).toMatchObject({
      side: 'new',
      reason: 'owner',
    });
  });

  test('the reason is the flag where flag and owner agree', async () => {
    expect(await decide(table({ tenants: 'acme' }), { acme: 'new' })).toMatchObject({
      side: 'new',
      reason: 'flag_on',
    });
  });

  test('the brake does not send writes to a side that does not own the rows', async () => {
    const braked = await decide(table({ force: ', force: legacy' }), { acme: 'new' });
    expect(braked).toMatchObject({ side: 'new', reason: 'owner' });
  });

  test('legacy does not answer instead of an owner that fails or rests', async () => {
    const text = table({ tenants: 'acme' });
    expect(await decide(text, { acme: 'new' })).toMatchObject({ ifNewFails: 'refuse' });
    await bench?.end(AI, 'failed', 5);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const snapshot = bench?.decide.pin();
    if (!bench || !snapshot) throw new Error('no bench');
    const match = bench.decide.match(snapshot, 'POST', '/api/ai/completions/');
    const resting = bench.decide.decide(snapshot, match, callerOf(ACME as TenantName), {
      wish: undefined,
      upgrade: false,
      path: '/api/ai/completions/',
    });
    expect(resting).toMatchObject({ side: 'new', reason: 'breaker_open' });
  });

  test('a tester may read the other side, and not write to it', async () => {
    const read = { method: 'GET', path: '/api/ai/jobs/', wish: 'new' } as const;
    expect(await decide(table({}), { acme: 'legacy' }, read)).toMatchObject({
      side: 'new',
      reason: 'forced',
    });
    await bench?.close();
    expect(await decide(table({}), { acme: 'legacy' }, { wish: 'new' })).toMatchObject({
      side: 'legacy',
      reason: 'owner',
    });
  });

  test('other tenants go as before', async () => {
    const other = { tenant: GLOBEX as TenantName };
    expect(await decide(table({ tenants: 'globex' }), { acme: 'legacy' }, other)).toMatchObject({
      side: 'new',
      reason: 'flag_on',
    });
  });
});

describe('who shall own a feature, by table and flags', () => {
  const declared = async (text: string, tenant = ACME as TenantName) => {
    bench = await openBench(text);
    return bench.decide.declares(tenant, AI);
  };

  test('is the side to which all its writes would go', async () => {
    expect(await declared(table({ tenants: 'acme' }))).toBe('new');
    expect(bench?.decide.declares(GLOBEX as TenantName, AI)).toBe('legacy');
  });

  test('is nobody new while only some of its writing routes are flipped', async () => {
    expect(await declared(table({ tenants: 'acme', stage: 'legacy' }))).toBe('mixed');
  });

  test('is legacy under the brake', async () => {
    expect(await declared(table({ tenants: 'acme', force: ', force: legacy' }))).toBe('legacy');
  });
});
