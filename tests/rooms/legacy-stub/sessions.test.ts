import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { decodeSession } from '../../../legacy-stub/accounts/session-data.ts';
import { openStub, type Stub } from './open-stub.ts';
import { ANONYMOUS, type Answered } from './visitor.ts';

let stub: Stub;
let client: pg.Client;
beforeAll(async () => {
  stub = await openStub(2, { secretKey: 'a secret of this test' });
  client = new pg.Client({ connectionString: stub.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await stub.close();
});

const PLAIN =
  'eyJfYXV0aF91c2VyX2lkIjoiNyIsIl9hdXRoX3VzZXJfYmFja2VuZCI6ImRqYW5nby5jb250cmliLmF1dGguYmFja2VuZHMuTW9kZWxCYWNrZW5kIiwiX2F1dGhfdXNlcl9oYXNoIjoiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYiJ9:1vcguW:Q3-ggYbf0fS2YrzhVdaNXXwVmcZ-_WimI4PrR1LL15o';
const DEFLATED =
  '.eJyrVopPLC3JiC8tTi2Kz0xRslIyV9JBFktKTM5OzQNJpGQl5qXn6yXn55UUZSbpgZToQWWL9XzzU1JznKBqUQzISCzOAOpOTKIMKtUCANF7PrM:1vcguW:KSx65BDRmcmjoFGTH9tVU4zMeoZHP40HIL9-J-ikcXg';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const GATEWAY = { ...ANONYMOUS, scope: 'banyan.session' };

function login(username: string, more: Record<string, string> = {}): Promise<Answered> {
  const body = JSON.stringify({ username, password: 'demo' });
  return stub.visit('POST', '/api/auth/login/', {
    claims: ANONYMOUS,
    headers: { ...JSON_TYPE, ...more },
    body,
  });
}

function readSessionId(answer: Answered): string {
  const [, session = ''] = answer.headers['set-cookie'] as string[];
  return /^sessionid=([a-z0-9]{32});/.exec(session)?.[1] ?? '';
}

function ask(sessionKey: unknown, claims: Record<string, unknown> = GATEWAY): Promise<Answered> {
  return stub.visit('POST', '/.banyan/session/', {
    claims,
    headers: JSON_TYPE,
    body: JSON.stringify({ session_key: sessionKey }),
  });
}

test('a login sets two cookies in two lines, and the gateway can ask whose session it is', async () => {
  const answer = await login('grace');
  const [csrf = '', session = ''] = answer.headers['set-cookie'] as string[];
  expect(csrf).toMatch(
    /^csrftoken=[A-Za-z0-9]{32}; expires=\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT; Max-Age=31449600; Path=\/; SameSite=Lax$/,
  );
  expect(session).toMatch(
    /^sessionid=[a-z0-9]{32}; expires=[^;]+ GMT; HttpOnly; Max-Age=1209600; Path=\/; SameSite=Lax$/,
  );

  const told = await ask(readSessionId(answer));

  expect(told.status).toBe(200);
  const { user_id, expires_at } = JSON.parse(told.text);
  expect(user_id).toBe(2);
  const daysLeft = (Date.parse(expires_at) - Date.now()) / 86_400_000;
  expect(daysLeft).toBeGreaterThan(13.9);
  expect(daysLeft).toBeLessThan(14.1);
});

test('the row is one that Django itself would take', async () => {
  const key = readSessionId(await login('ada'));
  const { rows } = await client.query('SELECT session_data FROM acme.django_session WHERE session_key = $1', [
    key,
  ]);
  const data = decodeSession(rows[0].session_data, 'a secret of this test');
  expect(data).toEqual({
    _auth_user_id: '1',
    _auth_user_backend: 'django.contrib.auth.backends.ModelBackend',
    _auth_user_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(decodeSession(rows[0].session_data, 'another secret')).toBeUndefined();
});

test('sessions that Django wrote are understood, deflated ones too', () => {
  // Made by Django's own algorithm in Python: signing.dumps(data, key=…, salt='django.contrib.sessions.SessionStore', compress=True).
  const data = {
    _auth_user_id: '7',
    _auth_user_backend: 'django.contrib.auth.backends.ModelBackend',
    _auth_user_hash: 'ab'.repeat(32),
  };
  expect(decodeSession(PLAIN, 'vector-secret')).toEqual(data);
  expect(decodeSession(DEFLATED, 'vector-secret')).toEqual(data);
});

test("only the gateway may ask, and only for the tag's tenant", async () => {
  const key = readSessionId(await login('ada'));
  expect((await ask(key, {})).status).toBe(403);
  expect((await ask(key, ANONYMOUS)).status).toBe(403);
  expect((await ask(key, { scope: 'banyan.session' })).status).toBe(403);
  const elsewhere = await ask(key, { ...GATEWAY, tenant: 'globex' });
  expect([elsewhere.status, elsewhere.text]).toEqual([404, '{}']);
});

test('a session that is unknown, over, ended, of a former password or of an inactive user is not found', async () => {
  expect((await ask('nosuchsession')).status).toBe(404);

  const over = readSessionId(await login('ada'));
  await client.query(
    "UPDATE acme.django_session SET expire_date = now() - interval '1 second' WHERE session_key = $1",
    [over],
  );
  expect((await ask(over)).status).toBe(404);

  const ended = readSessionId(await login('ada'));
  await stub.visit('POST', '/api/auth/logout/', { headers: { Cookie: `sessionid=${ended}` } });
  expect((await ask(ended)).status).toBe(404);

  const former = readSessionId(await login('linus'));
  await client.query("UPDATE acme.auth_user SET password = 'pbkdf2_sha256$1$x$y' WHERE username = 'linus'");
  expect((await ask(former)).status).toBe(404);

  const inactive = readSessionId(await login('edsger'));
  await client.query("UPDATE acme.auth_user SET is_active = false WHERE username = 'edsger'");
  expect((await ask(inactive)).status).toBe(404);
  expect((await login('edsger')).text).toBe(
    '{"non_field_errors":["Unable to log in with provided credentials."]}',
  );
});

test('a login with the cookie of an older session ends that one', async () => {
  const older = readSessionId(await login('ada'));
  await login('ada', { Cookie: `other=1; sessionid=${older}` });
  expect((await ask(older)).status).toBe(404);
});

test("a session's caller needs the CSRF token to write, callers with a key or a token do not", async () => {
  const post = (amr: string, headers: Record<string, string>) =>
    stub.visit('POST', '/api/auth/logout/', { claims: { amr: [amr] }, headers });
  const page = await post('session', {});
  expect([page.status, page.text.includes('CSRF verification failed. Request aborted.')]).toEqual([
    403,
    true,
  ]);
  expect((await post('session', { Cookie: 'csrftoken=abc', 'X-CSRFToken': 'abd' })).status).toBe(403);
  expect((await post('session', { Cookie: 'csrftoken=', 'X-CSRFToken': '' })).status).toBe(403);
  expect((await post('session', { Cookie: 'csrftoken=abc', 'X-CSRFToken': 'abc' })).status).toBe(204);
  expect((await post('api_key', {})).status).toBe(204);
  expect((await post('jwt', {})).status).toBe(204);
});
