import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStub, type Stub } from './open-stub.ts';
import { ANONYMOUS, mintTag } from './visitor.ts';

let stub: Stub;
beforeAll(async () => {
  stub = await openStub(5);
});
afterAll(() => stub.close());

const JSON_TYPE = { 'Content-Type': 'application/json' };
const LISTS = [
  '/api/ai/jobs/?page_size=100',
  '/api/chat/channels/',
  '/api/chat/channels/1/messages/?page_size=100',
  '/api/files/',
  '/api/dashboard/summary/',
  '/api/auth/me/',
];
const ROWS = ['/api/ai/jobs/3/', '/api/files/2/content/'];
const TENANTS = ['acme', 'globex', 'initech', 'tenant-005'];

test('every route shows the rows of the tenant in the tag, and no word of another', async () => {
  for (const tenant of TENANTS)
    for (const target of [...LISTS, ...ROWS]) {
      const answer = await stub.visit('GET', target, { claims: { tenant } });
      expect([target, answer.status]).toEqual([target, 200]);
      for (const other of TENANTS.filter((name) => name !== tenant)) expect(answer.text).not.toContain(other);
    }
});

test('the same ids mean other rows in other tenants', async () => {
  const [acme, globex] = await Promise.all(
    ['acme', 'globex'].map((tenant) => stub.visit('GET', '/api/ai/jobs/3/', { claims: { tenant } })),
  );
  expect(JSON.parse(acme?.text ?? '').id).toBe(JSON.parse(globex?.text ?? '').id);
  expect(acme?.text).toContain('(acme 3)');
  expect(globex?.text).toContain('(globex 3)');
});

test('many tenants at once on one small pool never see one another', async () => {
  const asks = Array.from({ length: 60 }, (_, index) => TENANTS[index % TENANTS.length] as string);
  const answers = await Promise.all(
    asks.map((tenant) => stub.visit('GET', '/api/ai/jobs/1/', { claims: { tenant } })),
  );
  for (const [index, answer] of answers.entries()) expect(answer.text).toContain(`(${asks[index]} 1)`);
});

test('a write stays in its tenant', async () => {
  const count = async (tenant: string) =>
    JSON.parse((await stub.visit('GET', '/api/dashboard/summary/', { claims: { tenant } })).text).chat
      .messages;
  const before = await count('globex');
  const posted = await stub.visit('POST', '/api/chat/channels/1/messages/', {
    headers: JSON_TYPE,
    body: '{"body":"only here"}',
  });
  expect(posted.status).toBe(201);
  expect(await count('globex')).toBe(before);
});

test('forged identity headers are refused beside a good tag', async () => {
  for (const headers of [{ 'X-Tenant-Id': 'globex' }, { X_Tenant_Id: 'globex' }, { 'X-User-Id': '2' }]) {
    const answer = await stub.visit('GET', '/api/auth/me/', { headers });
    expect([headers, answer.status]).toEqual([headers, 403]);
    expect(answer.text).toContain('403 Forbidden');
  }
});

test('a request that did not come through the gateway gets the 403 page on every path but /healthz', async () => {
  for (const target of [...LISTS, '/nowhere/', '/.banyan/session/']) {
    const answer = await stub.visit('GET', target, {
      tag: undefined,
      headers: { 'X-Tenant-Id': 'acme', 'X-User-Id': '1' },
    });
    expect([target, answer.status, answer.headers['content-type']]).toEqual([
      target,
      403,
      'text/html; charset=utf-8',
    ]);
  }
  const health = await stub.visit('GET', '/healthz', { tag: undefined });
  expect([health.status, health.text]).toEqual([200, '{"status":"ok"}']);
});

test('the tag decides over the host; the host decides where the tag names no tenant', async () => {
  const host = { Host: 'globex.localhost:8080' };
  const known = await stub.visit('GET', '/api/auth/me/', { headers: host });
  expect(known.text).toContain('ada@acme.example');

  const login = {
    claims: { ...ANONYMOUS, tenant: undefined },
    body: '{"username":"grace","password":"demo"}',
  };
  const byHost = await stub.visit('POST', '/api/auth/login/', {
    ...login,
    headers: { ...host, ...JSON_TYPE },
  });
  expect(byHost.text).toContain('grace@globex.example');
  const nowhere = await stub.visit('POST', '/api/auth/login/', {
    ...login,
    headers: { Host: 'nobody.localhost', ...JSON_TYPE },
  });
  expect(nowhere.status).toBe(404);
  expect(nowhere.text).toContain('The requested resource was not found on this server.');
});

test('a tenant that does not exist is not found, and hostile names never reach SQL', async () => {
  expect((await stub.visit('GET', '/api/auth/me/', { claims: { tenant: 'nobody' } })).status).toBe(404);
  const tag = mintTag(stub.mint, 'GET', '/api/auth/me/', { claims: { tenant: 'acme"; drop schema globex' } });
  expect((await stub.visit('GET', '/api/auth/me/', { tag })).status).toBe(403);
});

test('a user who is inactive or gone is nobody', async () => {
  const gone = await stub.visit('GET', '/api/auth/me/', { claims: { sub: '99' } });
  expect([gone.status, gone.text]).toEqual([
    403,
    '{"detail":"Authentication credentials were not provided."}',
  ]);
});
