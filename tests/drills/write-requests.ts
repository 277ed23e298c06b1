import { openDie } from '../../legacy-stub/seed/random.ts';
import {
  type Arrival,
  type Asked,
  DEFAULT_MIRROR_RULES,
  type Decision,
  type SideAnswer,
} from '../../src/vocabulary/index.ts';
import { makeCaller } from '../support/sides.ts';

/** One write, as the gateway would have copied it. */
export type WriteRequest = Readonly<{ asked: Asked; answer: SideAnswer; primary: 'legacy' }>;

export const TENANTS = ['acme', 'globex', 'initech'] as const;
/** Sessions that are in the store: what a logout ends, and what a second login drops. */
export const SESSIONS = Array.from({ length: 5 }, (_, i) => `sessionofthedrill${i}`.padEnd(32, 'x'));
/** Every tenant's first files, which a delete takes away. */
const FILES = 4;
const BOUNDARY = 'drill-boundary';
const JSON_TYPE = ['Content-Type', 'application/json'] as const;

type Wish = Readonly<{
  route: string;
  handler: string;
  tables: readonly string[];
  method: 'POST' | 'DELETE';
  path: string;
  id?: string;
  headers: readonly string[];
  body: string;
  by: 'key' | 'nobody';
}>;

const COMMON = { headers: JSON_TYPE, by: 'key', method: 'POST' } as const;
const COMPLETE = {
  ...COMMON,
  route: 'ai.complete',
  handler: 'ai/complete',
  tables: ['ai_job'],
  path: '/api/ai/completions/',
} as const;

/** The write routes of the table, each in its forms. */
const FORMS: readonly ((nr: number) => Wish)[] = [
  (nr) => ({ ...postTo((nr % 3) + 1), body: JSON.stringify({ body: `message ${nr}`, metadata: { nr } }) }),
  (nr) => ({ ...COMPLETE, body: JSON.stringify({ prompt: `what about ${nr}?` }) }),
  (nr) => ({ ...COMPLETE, body: JSON.stringify({ prompt: `and ${nr}?`, stream: true }) }),
  (nr) => ({ ...login(nr), headers: JSON_TYPE }),
  (nr) => ({ ...login(nr), headers: [...JSON_TYPE, ...cookie(nr)] }),
  (nr) => ({
    ...login(nr),
    route: 'auth.logout',
    handler: 'login/logout',
    path: '/api/auth/logout/',
    headers: cookie(nr),
    body: '',
  }),
  (nr) => upload(nr),
  (nr) => remove((nr % FILES) + 1),
];

/** The nr-th write. `askedMs`: when its user asked. */
export function makeWrite(
  nr: number,
  askedMs: number,
  tenant: string = openDie(`write ${nr}`).pick(TENANTS),
): WriteRequest {
  const wish = (FORMS[nr % FORMS.length] as (nr: number) => Wish)(nr);
  return {
    asked: describe(wish, tenant, nr),
    answer: answerFor(wish, askedMs),
    primary: 'legacy',
  };
}

function postTo(channel: number) {
  const path = `/api/chat/channels/${channel}/messages/`;
  const tables = ['chat_channel', 'chat_message'];
  return { ...COMMON, route: 'chat.post', handler: 'chat/post', tables, path, id: String(channel) };
}

function login(nr: number): Wish {
  const username = ['ada', 'grace', 'linus'][nr % 3];
  return {
    ...COMMON,
    route: 'auth.login',
    handler: 'login/login',
    tables: ['auth_user', 'django_session'],
    path: '/api/auth/login/',
    by: 'nobody',
    body: JSON.stringify({ username, password: 'demo' }),
  };
}

const cookie = (nr: number) => ['Cookie', `sessionid=${SESSIONS[nr % SESSIONS.length]}; csrftoken=none`];

const FILE_TABLES = ['files_file', 'files_chunk'];

function upload(nr: number): Wish {
  const lines = [
    `--${BOUNDARY}`,
    `Content-Disposition: form-data; name="file"; filename="drill ${nr}.txt"`,
    'Content-Type: text/plain',
    '',
    `file ${nr} `.repeat((nr % 50) + 1),
    `--${BOUNDARY}--`,
    '',
  ];
  return {
    ...COMMON,
    route: 'files.upload',
    handler: 'files/upload',
    tables: FILE_TABLES,
    path: '/api/files/',
    headers: ['Content-Type', `multipart/form-data; boundary=${BOUNDARY}`],
    body: lines.join('\r\n'),
  };
}

function remove(file: number): Wish {
  return {
    ...COMMON,
    route: 'files.delete',
    handler: 'files/delete',
    tables: FILE_TABLES,
    method: 'DELETE',
    path: `/api/files/${file}/`,
    id: String(file),
    headers: [],
    body: '',
  };
}

function describe(wish: Wish, tenant: string, nr: number): Asked {
  const { method, path, handler, tables, route, id, headers, body, by } = wish;
  const arrival = {
    requestId: `drill-write-${nr}`,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: '00', state: undefined },
    method,
    target: path,
    path,
    host: `${tenant}.localhost:8080`,
    hostTenant: tenant,
    headers,
    credentials: [],
    wish: undefined,
    upgrade: false,
    peer: '127.0.0.1',
  } as unknown as Arrival;
  const decision = {
    revision: '0123456789ab',
    stage: 'shadow',
    side: 'legacy',
    shadow: 'new',
    mirror: DEFAULT_MIRROR_RULES,
    tables,
    reason: 'stage_shadow',
    timeoutMs: 10_000,
    ifNewFails: 'legacy',
    route,
    feature: undefined,
    flag: undefined,
    handler,
    params: id === undefined ? {} : { id },
  } as unknown as Decision;
  const caller = by === 'key' ? makeCaller({ tenant, user: 1, by: 'api_key' }) : makeCaller({ tenant });
  return { arrival, caller, decision, body: { kind: 'whole', bytes: Buffer.from(body) } };
}

/** Legacy's answer is a stand-in: it need not be equal for a rehearsal to run. What its engine said is in it. */
function answerFor({ handler }: Wish, askedMs: number): SideAnswer {
  const text = handler === 'ai/complete' ? '{"completion":"as legacy said"}' : '{}';
  return {
    status: 201,
    headers: ['Content-Type', 'application/json'],
    body: { kind: 'whole', bytes: Buffer.from(text) },
    askedMs,
    answeredMs: askedMs + 5,
  };
}
