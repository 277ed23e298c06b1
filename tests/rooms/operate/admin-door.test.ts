import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ADMIN_FAILURES } from '../../../src/operate/admin/problem.ts';
import { report } from '../../support/defend.ts';
import { type AdminHouse, openAdminHouse, TOKEN } from './admin-house.ts';
import { different, groupAt } from './comparisons.ts';

let house: AdminHouse;
beforeAll(async () => {
  house = await openAdminHouse();
});
afterAll(() => house.close());

type Operation = Readonly<{
  security?: readonly unknown[];
  requestBody?: object;
  responses: Record<string, object>;
}>;

async function listOperations(): Promise<readonly (readonly [string, string, Operation])[]> {
  const { paths } = (await house.ask('/openapi.json')).json as {
    paths: Record<string, Record<string, Operation>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [method.toUpperCase(), path, operation] as const),
  );
}

describe('the OpenAPI document', () => {
  // What makes each operation succeed, in an order in which they can follow one another.
  const BODIES: Readonly<Record<string, object>> = {
    'PATCH /api/routes/{id}': { stage: 'shadow', author: 'ada', reason: 'called as documented' },
    'POST /api/explain': { method: 'GET', path: '/api/ai/jobs/', tenant: 'acme' },
    'POST /api/flips': { subject: 'chat', stage: 'shadow', author: 'ada', reason: 'called as documented' },
    'POST /api/flips/undo': { author: 'ada' },
    'POST /api/keys': { tenant: 'acme', user: 1 },
    'POST /api/keys/{id}/revoke': {},
    'POST /api/diffs/{id}/triage': { state: 'bug', author: 'ada' },
    'POST /api/diffs/{id}/unlock': { author: 'ada', reason: 'called as documented' },
    'POST /api/replays': { route: 'chat.channels' },
    'POST /api/moves': { order: 'verify', feature: 'ai', all: true, author: 'ada' },
  };

  test('is true: every listed operation answers with a listed success', async () => {
    const { record } = (await house.ask('/api/keys', { body: { tenant: 'acme', user: 1 } })).json;
    await house.store.ledger.add([different('chat.channels')]);
    const group = await groupAt(house.store.ledger, 'chat.channels', '/results/*/topic');
    await house.ask('/api/moves', { body: { order: 'start', feature: 'ai', author: 'ada' } });
    const { orders } = (
      await house.ask('/api/moves', { body: { order: 'verify', feature: 'ai', all: true, author: 'ada' } })
    ).json;
    const ids = { keys: record.id, diffs: group.id, routes: 'ai.complete', moves: String(orders[0].id) };
    const answered: string[] = [];
    const operations = await listOperations();
    for (const [method, path, { responses }] of operations) {
      if (path === '/api/events') continue;
      const id = ids[path.split('/')[2] as keyof typeof ids];
      const headers = { 'if-match': `"${house.decide.pin().revision}"` };
      const body = BODIES[`${method} ${path}`];
      const answer = await house.ask(path.replace('{id}', id), {
        method,
        headers,
        ...(body ? { body } : {}),
      });
      answered.push(
        `${method} ${path} ${Object.keys(responses).includes(String(answer.status)) ? 'as listed' : answer.text}`,
      );
    }
    expect(answered).toEqual(
      operations.filter(([, path]) => path !== '/api/events').map(([m, p]) => `${m} ${p} as listed`),
    );
  });

  test('says of each operation whether it wants the token, and each that does refuses strangers', async () => {
    for (const [method, path, { security }] of await listOperations()) {
      const answer = await house.ask(path.replace('{id}', 'ai.complete'), { method, token: null });
      expect([path, answer.status === 401]).toEqual([path, security === undefined]);
    }
  });

  test('is what docs/admin-api.md lists, and so are the failures', async () => {
    const page = readFileSync('docs/admin-api.md', 'utf8');
    const listed = [...page.matchAll(/^\| `(GET|POST|PATCH) (\/[^`]*)` \|/gm)].map(
      ([, method, path]) => `${method} ${path}`,
    );
    const operations = (await listOperations()).map(
      ([method, path]) => `${method} ${path.replace('{id}', ':id')}`,
    );
    expect(listed.toSorted()).toEqual(operations.toSorted());
    const failures = [...page.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \|/gm)].map(
      ([, code, status]) => `${code} ${status}`,
    );
    expect(failures.toSorted()).toEqual(
      Object.entries(ADMIN_FAILURES)
        .map(([code, { status }]) => `${code} ${status}`)
        .toSorted(),
    );
  });
});

describe('the admin door', () => {
  test.each([
    ['no token', null],
    ['another token', 'admin-token-of-the-testz'],
    ['the token and more', `${TOKEN}x`],
    ['an empty token', ' '],
  ])('refuses %s with 401 and how to send it', async (_what, token) => {
    const answer = await house.ask('/api/routes', { token });
    expect([answer.status, answer.json.code]).toEqual([401, 'admin_token_invalid']);
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  });

  test('takes no token from the address or a cookie', async () => {
    const inQuery = await house.ask(`/api/routes?token=${TOKEN}`, { token: null });
    const inCookie = await house.ask('/api/routes', { token: null, headers: { cookie: `token=${TOKEN}` } });
    expect([inQuery.status, inCookie.status]).toEqual([401, 401]);
  });

  test.each([
    ['evil.example', 421],
    ['evil.example:9901', 421],
    ['localhost.evil.example', 421],
    ['localhost:9901', 200],
    ['acme.localhost:9901', 200],
    ['127.0.0.1', 200],
    ['[::1]:9901', 200],
    ['admin.example', 200],
  ])(
    'answers Host "%s" with %i, so that no name of a stranger can be pointed at it',
    async (host, status) => {
      expect(await askRaw('/api/routes', { host })).toBe(status);
      expect(await askRaw('/', { host })).toBe(status);
    },
  );

  test('answers probes and receivers of the tag under any host', async () => {
    const statuses = await Promise.all(
      ['/healthz', '/metrics', '/.well-known/jwks.json'].map((path) =>
        askRaw(path, { host: 'banyan.internal' }),
      ),
    );
    expect(statuses).toEqual([200, 200, 200]);
  });

  const askRaw = (path: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(house.url);
      const sent = request({
        hostname,
        port,
        path,
        headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      });
      sent.once('response', (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.once('error', reject).end();
    });

  test('says on every answer that it may neither be framed nor sniffed nor run foreign script', async () => {
    for (const path of ['/', '/console.js', '/api/routes', '/nowhere']) {
      const { headers } = await house.ask(path);
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  test('serves the console without a token, and no file outside its folder', async () => {
    const page = await house.ask('/', { token: null });
    expect([page.status, page.text.includes('<title>Banyan console</title>')]).toEqual([200, true]);
    const outside = await house.ask('/..%2findex.ts', { token: null });
    expect([outside.status, outside.json.code]).toEqual([404, 'path_unknown']);
  });

  test('answers another method with 405 and those that there are', async () => {
    const answer = await house.ask('/api/flips', { method: 'DELETE' });
    expect([answer.status, answer.headers.get('allow'), answer.json.code]).toEqual([
      405,
      'GET, HEAD, POST',
      'method_unknown',
    ]);
  });

  test.each([
    ['no JSON', '{"subject":', { 'content-type': 'application/json' }, 400, 'body_invalid'],
    ['a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'body_not_json'],
    [
      'too much',
      JSON.stringify({ subject: 'x'.repeat(300_000) }),
      { 'content-type': 'application/json' },
      413,
      'body_too_big',
    ],
    [
      'something compressed',
      'xx',
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      415,
      'body_not_json',
    ],
    ['a list', '[1]', { 'content-type': 'application/json' }, 400, 'body_invalid'],
  ])('refuses a body that is %s', async (_what, body, headers, status, code) => {
    const answer = await house.ask('/api/flips', { method: 'POST', body, headers });
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  test('a patch wants the revision that was seen', async () => {
    const body = { stage: 'shadow', author: 'ada', reason: 'try' };
    const without = await house.ask('/api/routes/ai.jobs', { method: 'PATCH', body });
    const stale = await house.ask('/api/routes/ai.jobs', {
      method: 'PATCH',
      body,
      headers: { 'if-match': '"000000000000"' },
    });
    const odd = await house.ask('/api/routes/ai.jobs', {
      method: 'PATCH',
      body,
      headers: { 'if-match': 'W/"x"' },
    });
    expect([without.status, stale.status, odd.status]).toEqual([428, 412, 400]);
  });

  test('an unknown route is refused with the nearest name', async () => {
    const answer = await house.ask('/api/routes/ai.complet');
    expect([answer.status, answer.json.detail]).toEqual([
      404,
      'The table lists no route "ai.complet". Did you mean "ai.complete"?',
    ]);
  });

  test('tells not ready with every part and why', async () => {
    const answer = await house.ask('/readyz', { token: null });
    expect(answer.status).toBe(503);
    expect(answer.json.parts.table.ready).toBe(true);
    expect(answer.json.parts.legacy).toEqual({ ready: false, detail: 'not heard of yet' });
    for (const part of ['store', 'legacy', 'gateway'] as const)
      house.emit({ type: 'part_changed', part, state: 'ready', detail: 'in the test' });
    expect((await house.ask('/readyz', { token: null })).status).toBe(200);
  });

  test('shows a breaker where it is and within the route', async () => {
    for (let tries = 0; tries < 20; tries += 1) await report(house.defend, 'chat' as never, 'failed');
    const { breakers } = (await house.ask('/api/breakers')).json;
    const { routes } = (await house.ask('/api/routes')).json;
    expect(breakers).toContainEqual({ feature: 'chat', side: 'new', state: 'open' });
    expect(routes.find(({ id }: { id: string }) => id === 'chat.channels').breakers).toEqual({
      legacy: 'closed',
      new: 'open',
    });
  });
});

describe('API keys', () => {
  test('are made once, kept as hash, listed without the key, and revoked for good', async () => {
    const expires_at = new Date(Date.now() + 86_400_000).toISOString();
    const made = await house.ask('/api/keys', {
      body: { tenant: 'globex', user: 3, scopes: ['qa'], label: 'nightly', expires_at },
    });
    expect(made.status).toBe(201);
    expect(made.json.key).toMatch(/^byn_test_[0-9A-Za-z]{38}$/);
    const listed = await house.ask('/api/keys');
    expect(listed.json.keys).toContainEqual({
      ...made.json.record,
      state: 'active',
      scopes: ['qa'],
      expires_at,
    });
    expect(listed.text).not.toContain(made.json.key);
    const revoked = await house.ask(`/api/keys/${made.json.record.id}/revoke`, { body: {} });
    const again = await house.ask(`/api/keys/${made.json.record.id}/revoke`, { body: {} });
    expect([revoked.json.state, again.json.revoked_at]).toEqual(['revoked', revoked.json.revoked_at]);
  });

  test.each([
    ['a tenant that is not there', { tenant: 'acmee', user: 1 }, /no tenant "acmee"\. Did you mean "acme"/],
    ['a scope of the gateway’s own', { tenant: 'acme', user: 1, scopes: ['banyan.session'] }, /banyan\./],
    ['an end in the past', { tenant: 'acme', user: 1, expires_at: '2020-01-01T00:00:00Z' }, /in the past/],
    [
      'an end that never comes',
      { tenant: 'acme', user: 1, expires_at: '2999-01-01T00:00:00Z' },
      /five years/,
    ],
    ['user 0', { tenant: 'acme', user: 0 }, /"user"/],
  ])('are not made for %s', async (_what, body, sentence) => {
    const answer = await house.ask('/api/keys', { body });
    expect([answer.status, answer.json.code]).toEqual([400, 'body_invalid']);
    expect(answer.json.detail).toMatch(sentence);
  });

  test('that nobody has are not revoked', async () => {
    const answer = await house.ask('/api/keys/byn_test_nothing/revoke', { body: {} });
    expect([answer.status, answer.json.code]).toEqual([404, 'key_unknown']);
  });
});

describe('the event stream', () => {
  test('tells flips as they happen, and what was missed to whoever comes back', async () => {
    const first = await listen();
    await house.ask('/api/flips', {
      body: { subject: 'files', stage: 'shadow', author: 'ada', reason: 'to be seen' },
    });
    const seen = await first.until('flip_made');
    first.close();
    const lastId = /^id: (\d+)$/m.exec(seen)?.[1];
    await house.ask('/api/flips/undo', { body: { author: 'ada' } });
    const second = await listen({ 'last-event-id': String(lastId) });
    const missed = await second.until('flip_made');
    second.close();
    expect(seen).toContain('"to":"shadow"');
    expect(missed).toContain('"to":"legacy"');
  });

  test('is closed to the thirty-third listener', async () => {
    const streams = await Promise.all(Array.from({ length: 32 }, () => listen()));
    const answer = await house.ask('/api/events');
    for (const stream of streams) stream.close();
    expect([answer.status, answer.json.code]).toEqual([503, 'streams_full']);
  });

  async function listen(headers: Readonly<Record<string, string>> = {}) {
    const stop = new AbortController();
    const answer = await fetch(`${house.url}/api/events`, {
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      signal: stop.signal,
    });
    if (!answer.body) throw new Error('no stream');
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const read = async () => {
      const { value, done } = await reader.read();
      text += value ?? '';
      return !done;
    };
    const find = (type: string) => text.split('\n\n').find((block) => block.includes(`event: ${type}\n`));
    const until = async (type: string) => {
      while (find(type) === undefined && (await read()));
      return find(type) ?? text;
    };
    await read();
    return { until, close: () => stop.abort() };
  }
});
