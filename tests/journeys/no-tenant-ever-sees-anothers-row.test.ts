import { createSign, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';
import { type Sent, send } from '../support/send.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const JWT = {
  JWT_ISSUER: 'https://id.example',
  JWT_AUDIENCE: 'banyan',
  JWT_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
};

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse({ env: JWT, table: tableAt('legacy') });
});
afterAll(() => house.close());

const READS = [
  '/api/auth/me/',
  '/api/ai/jobs/',
  '/api/ai/jobs/1/',
  '/api/chat/channels/',
  '/api/chat/channels/1/messages/',
  '/api/files/',
  '/api/files/1/content/',
  '/api/dashboard/summary/',
] as const;
const WRITES = [
  ['POST', '/api/ai/completions/', { prompt: 'written by acme only' }],
  ['POST', '/api/chat/channels/1/messages/', { body: 'written by acme only' }],
] as const;

const FORGERIES = {
  'X-Tenant-Id': 'globex',
  x_tenant_id: 'globex',
  'X-USER-ID': '2',
  'X-Identity-Tag': 'eyJhbGciOiJub25lIn0.eyJ0ZW5hbnQiOiJnbG9iZXgifQ.',
  'X-Banyan-Tenant': 'globex',
  Connection: 'X-Identity-Tag, X-Tenant-Id, keep-alive',
} as const;

function signJwt(tenant: string, user: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: JWT.JWT_ISSUER,
    aud: JWT.JWT_AUDIENCE,
    sub: String(user),
    tenant,
    iat: now,
    exp: now + 60,
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createSign('sha256').update(signed).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const ask = (path: string, headers: Record<string, string>, host = 'localhost') =>
  send(house.gatewayPort, { path, host, headers });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const see = ({ status, body }: Sent) => ({ status, body });

describe.each(['legacy', 'new'] as const)('on the %s side', (side) => {
  beforeAll(() => house.useTable(`${tableAt(side)}# ${side}\n`));

  test.each(READS)(
    'GET %s: each tenant has its own answer, by key and by JWT, and forged headers change nothing',
    async (path) => {
      const [acme, globex] = [
        await ask(path, bearer('byn_demo_acme')),
        await ask(path, bearer('byn_demo_globex')),
      ];
      expect([acme.headers['x-served-by'], acme.status, globex.status]).toEqual([side, 200, 200]);
      expect(acme.body).not.toBe(globex.body);
      expect(see(await ask(path, { ...bearer('byn_demo_acme'), ...FORGERIES }))).toEqual(see(acme));
      expect(see(await ask(path, bearer(signJwt('acme', 1))))).toEqual(see(acme));
      expect(see(await ask(path, bearer(signJwt('globex', 1))))).toEqual(see(globex));
    },
  );

  test.each(READS)("GET %s: another tenant's credential at a tenant's host is refused", async (path) => {
    const byKey = await ask(path, bearer('byn_demo_globex'), 'acme.localhost');
    const byJwt = await ask(path, bearer(signJwt('globex', 1)), 'acme.localhost');
    expect([byKey.status, byJwt.status]).toEqual([403, 403]);
    expect(JSON.parse(byJwt.body).code).toBe('tenant_contradiction');
  });

  test('ids that only the other tenant has are not found', async () => {
    const jobs = JSON.parse((await ask('/api/ai/jobs/?page_size=1', bearer('byn_demo_globex'))).body).results;
    const own = JSON.parse((await ask('/api/ai/jobs/?page_size=1', bearer('byn_demo_acme'))).body).results;
    const [more, fewer] =
      jobs[0].id > own[0].id ? ['byn_demo_globex', 'byn_demo_acme'] : ['byn_demo_acme', 'byn_demo_globex'];
    const last = Math.max(jobs[0].id, own[0].id);
    expect((await ask(`/api/ai/jobs/${last}/`, bearer(more))).status).toBe(200);
    expect((await ask(`/api/ai/jobs/${last}/`, bearer(fewer))).status).toBe(404);
  });

  test.each(WRITES)('%s %s: what one tenant writes, another never reads', async (method, path, body) => {
    const headers = { ...bearer('byn_demo_acme'), ...FORGERIES, 'content-type': 'application/json' };
    const written = await send(house.gatewayPort, { method, path, headers, body: JSON.stringify(body) });
    expect([written.headers['x-served-by'], written.status]).toEqual([side, 201]);
    for (const read of READS) {
      expect((await ask(read, bearer('byn_demo_globex'))).body).not.toContain('written by acme only');
    }
  });

  test("another tenant's file can be neither read nor deleted, though its number is known", async () => {
    const form = new FormData();
    form.set('file', new Blob(['of acme only']), 'secret.txt');
    const upload = () =>
      fetch(`${house.gatewayUrl}/api/files/`, {
        method: 'POST',
        headers: bearer('byn_demo_acme'),
        body: form,
      });
    // Enough of them for acme's last number to be beyond all of globex's.
    let last = 0;
    for (let count = 0; count < 12; count += 1) last = ((await (await upload()).json()) as { id: number }).id;
    const path = `/api/files/${last}/`;
    const others = { ...bearer('byn_demo_globex'), ...FORGERIES };
    expect((await ask(`${path}content/`, others)).status).toBe(404);
    expect((await send(house.gatewayPort, { method: 'DELETE', path, headers: others })).status).toBe(404);
    expect((await ask(`${path}content/`, bearer('byn_demo_acme'))).body).toBe('of acme only');
    expect(
      (await send(house.gatewayPort, { method: 'DELETE', path, headers: bearer('byn_demo_acme') })).status,
    ).toBe(204);
  });

  test('who logs in is known at the host of that tenant only, and is somebody else elsewhere', async () => {
    const logIn = (host: string) =>
      send(house.gatewayPort, {
        host,
        method: 'POST',
        path: '/api/auth/login/',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'ada', password: 'demo' }),
      });
    const [acme, globex] = [await logIn('acme.localhost'), await logIn('globex.localhost')];
    expect([acme.status, JSON.parse(acme.body).email]).toEqual([200, 'ada@acme.example']);
    expect(JSON.parse(globex.body).email).toBe('ada@globex.example');
    const cookie =
      acme.headers['set-cookie']?.find((line) => line.startsWith('sessionid='))?.split(';')[0] ?? '';
    expect((await ask('/api/ai/jobs/', { cookie }, 'acme.localhost')).status).toBe(200);
    expect((await ask('/api/ai/jobs/', { cookie }, 'globex.localhost')).status).toBe(401);
  });
});
