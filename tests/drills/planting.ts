import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import jwt from 'jsonwebtoken';
import type { TestHouse } from '../support/house.ts';
import { type Sent, send } from '../support/send.ts';
import { CLEAR, FIELDS, FILES, HEAD, KEYS, LOGIN, LOOKS, type Plant, PROMPTS, WORDS } from './plants.ts';

// Sends requests that are full of secrets through every route. Each tenant's writes keep their distance: of writes side by side nobody can
// tell whose rows are whose, and then nothing is kept of them.

const TENANTS = ['acme', 'globex', 'initech'] as const;
const DISTANCE_MS = 700;
const JSON_TYPE = { 'content-type': 'application/json' };
const BOUNDARY = 'planting';

/** A key pair whose tokens the gateway takes, and its settings. */
export function makeIssuer() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const env = {
    JWT_ISSUER: 'https://issuer.example',
    JWT_AUDIENCE: 'banyan',
    JWT_ALGORITHMS: 'ES256',
    JWT_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
  const issue = () =>
    jwt.sign({ tenant: TENANTS[0], scope: 'read write' }, privateKey, {
      algorithm: 'ES256',
      subject: '1',
      issuer: env.JWT_ISSUER,
      audience: env.JWT_AUDIENCE,
      expiresIn: 600,
    });
  return { env, issue };
}

export type Sown = Readonly<{
  /** Secrets that were made on the way: a key, a token, a session. */
  more: readonly Plant[];
  /** Requests of which a copy was taken. */
  asked: number;
}>;

type Headers = Readonly<Record<string, string>>;
type Visitor = Readonly<{
  byKey: Headers;
  /** Asks legacy to write, in good distance to the last time. */
  write(method: string, path: string, headers: Headers, body?: string | Buffer): Promise<Sent>;
  read(path: string, headers: Headers): Promise<Sent>;
  asked(): number;
}>;

/** Asks everything once; `issue` makes a token that the gateway takes. */
export async function sow(house: TestHouse, issue: () => string): Promise<Sown> {
  const keys = await Promise.all(TENANTS.map((tenant) => createKey(house, tenant)));
  const [acme, globex, initech] = TENANTS.map((tenant, i) => visit(house, tenant, keys[i] ?? '')) as [
    Visitor,
    Visitor,
    Visitor,
  ];
  const token = issue();
  const [session] = await Promise.all([talk(acme, token), complete(globex), store(initech)]);
  const own = {
    ...Object.fromEntries(keys.map((key, i) => [`key of ${TENANTS[i]}`, key])),
    token,
    ...session,
  };
  const more = Object.entries(own).map(([kind, value]) => ({
    kind: `the ${kind} that a caller has`,
    // A token's signature is its secret; its head is everybody's.
    core: kind === 'token' ? value.slice(-40) : value,
    value,
  }));
  return { more, asked: acme.asked() + globex.asked() + initech.asked() };
}

async function createKey(house: TestHouse, tenant: string): Promise<string> {
  const answer = await house.admin('POST', '/api/keys', { tenant, user: 1, scopes: ['read', 'write'] });
  return ((await answer.json()) as { key: string }).key;
}

function visit(house: TestHouse, tenant: string, key: string): Visitor {
  let [asked, lastMs] = [0, 0];
  const ask = (method: string, path: string, headers: Headers, body?: string | Buffer) => {
    asked += 1;
    const wish = { host: `${tenant}.localhost`, method, path, headers };
    return send(house.gatewayPort, { ...wish, ...(body !== undefined && { body }) });
  };
  return {
    byKey: { authorization: `Bearer ${key}` },
    write: async (...wish) => {
      await wait(Math.max(0, lastMs + DISTANCE_MS - performance.now()));
      const answer = await ask(...wish);
      lastMs = performance.now();
      return answer;
    },
    read: (path, headers) => ask('GET', path, headers),
    asked: () => asked,
  };
}

type Session = Readonly<{ sessionid: string; csrftoken: string }>;

/** Logs in, says things, reads them, and logs out. */
async function talk(visitor: Visitor, token: string): Promise<Session> {
  const session = await logIn(visitor);
  const cookie = `sessionid=${session.sessionid}; csrftoken=${session.csrftoken}; remember_me=${HEAD.cookie.value}`;
  const bySession = { cookie, 'x-csrftoken': session.csrftoken };
  await post(visitor, bySession);
  await read(visitor, bySession, token);
  await visitor.write('POST', '/api/auth/logout/', bySession);
  return session;
}

async function logIn({ write }: Visitor): Promise<Session> {
  const wrong = {
    username: WORDS.userName.value,
    password: LOGIN.password.value,
    new_password: LOGIN.newPassword.value,
    otp: LOGIN.otp.value,
    recovery_code: LOGIN.recovery.value,
  };
  const headers = {
    ...JSON_TYPE,
    authorization: `Bearer ${HEAD.badBearer.value}`,
    'x-api-key': HEAD.badApiKey.value,
    'x-auth-token': HEAD.authToken.value,
    referer: HEAD.referer.value,
    'user-agent': HEAD.userAgent.value,
  };
  await write('POST', '/api/auth/login/', headers, JSON.stringify(wrong));
  const right = { username: 'ada', password: 'demo', otp: LOGIN.otp.value };
  const answer = await write('POST', '/api/auth/login/', JSON_TYPE, JSON.stringify(right));
  const cookies = [answer.headers['set-cookie'] ?? []].flat();
  const find = (name: string) =>
    cookies.find((line) => line.startsWith(`${name}=`))?.split(/[=;]/)[1] ?? `no ${name}`;
  return { sessionid: find('sessionid'), csrftoken: find('csrftoken') };
}

async function post({ write, byKey }: Visitor, bySession: Headers): Promise<void> {
  const values = (plants: Readonly<Record<string, Plant>>) =>
    Object.fromEntries(Object.entries(plants).map(([name, { value }]) => [name, value]));
  const colour = CLEAR.value;
  const metadatas = [
    { ...values(FIELDS), colour },
    { ...values(LOOKS), colour },
    { nested: { credentials: values(FIELDS), tokens: Object.values(values(FIELDS)) }, colour },
    { list: Object.values(values(LOOKS)), harmless: { [KEYS.alone.value]: 'yes' }, colour },
    { people: { [KEYS.map.value]: 'a', [`${KEYS.map.value}2`]: 'b', [`${KEYS.map.value}3`]: 'c' }, colour },
  ];
  for (const [i, metadata] of metadatas.entries()) {
    const by = i % 2 === 0 ? byKey : bySession;
    const body = JSON.stringify({ body: WORDS.message.value, metadata, password: LOGIN.password.value });
    await write('POST', '/api/chat/channels/1/messages/', { ...JSON_TYPE, ...by }, body);
  }
}

async function complete({ write, read, byKey }: Visitor): Promise<void> {
  const path = '/api/ai/completions/';
  const headers = { ...JSON_TYPE, ...byKey };
  const beside = { api_key: PROMPTS.secretField.value };
  for (const more of [{}, { stream: true }])
    for (const prompt of [WORDS.prompt.value, PROMPTS.inPrompt.value])
      await write('POST', path, headers, JSON.stringify({ prompt, ...beside, ...more }));
  await write('POST', path, headers, `{"prompt": ${WORDS.prompt.value}, "token": "broken`);
  await read('/api/ai/jobs/', byKey);
}

async function store({ write, read, byKey }: Visitor): Promise<void> {
  const part = (head: string, body: string) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
  const form = (name: string) =>
    [
      part('name="secret"', FILES.field.value),
      part(`name="file"; filename="${name}"`, WORDS.fileContent.value),
      `--${BOUNDARY}--\r\n`,
    ].join('');
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, ...byKey };
  await write('POST', '/api/files/', headers, form(WORDS.fileName.value));
  const answer = await write('POST', '/api/files/', headers, form(FILES.name.value));
  const { id } = JSON.parse(answer.body) as { id: number };
  await read(`/api/files/${id}/content/`, byKey);
  await read('/api/files/', byKey);
  await write('DELETE', `/api/files/${id}/`, byKey);
}

async function read({ read, byKey }: Visitor, bySession: Headers, token: string): Promise<void> {
  const query = new URLSearchParams({
    token: HEAD.queryToken.value,
    api_key: HEAD.queryApiKey.value,
    access_token: HEAD.queryAccess.value,
    signature: HEAD.querySignature.value,
    password: HEAD.queryPassword.value,
  });
  await read(`/api/chat/channels/1/messages/?${query}`, byKey);
  await read(`/api/chat/channels/?next=${encodeURIComponent(HEAD.queryUrl.value)}`, bySession);
  await read('/api/chat/channels/1/messages/', bySession);
  await read('/api/ai/jobs/', { authorization: `Bearer ${token}` });
  await read(`/api/ai/jobs/${HEAD.pathId.value}/`, byKey);
  await read('/api/ai/jobs/1/', byKey);
  await read('/api/auth/me/', bySession);
  await read('/api/dashboard/summary/', byKey);
}
