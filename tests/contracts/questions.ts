import { ADA, type Ask, type Asker } from '../support/sides.ts';

export type Question = Readonly<{ what: string; ask: Ask }>;

const JSON_TYPE = { 'content-type': 'application/json' };
const NOBODY: Asker = {};
const ANONYMOUS: Asker = { tenant: 'acme' };
const GONE: Asker = { tenant: 'acme', user: 6 };
const STRANGER: Asker = { tenant: 'acme', user: 4711 };
const GLOBEX: Asker = { tenant: 'globex', user: 2, by: 'jwt' };
const BROWSER: Asker = { tenant: 'acme', user: 3, by: 'session' };
const TOKEN = 'abcdefghijklmnopqrstuvwxyzABCDEF';

const get = (target: string, more: Partial<Ask> = {}): Question => ({
  what: `GET ${target}`,
  ask: { target, ...more },
});
const post = (target: string, body: unknown, what: string, more: Partial<Ask> = {}): Question => ({
  what: `POST ${target} ${what}`,
  ask: {
    method: 'POST',
    target,
    headers: JSON_TYPE,
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    ...more,
  },
});
const cursor = (text: string) => encodeURIComponent(Buffer.from(text).toString('base64'));

const LOGIN = '/api/auth/login/';
const LOGOUT = '/api/auth/logout/';
const COMPLETE = '/api/ai/completions/';
const JOBS = '/api/ai/jobs/';
const MESSAGES = '/api/chat/channels/1/messages/';
const FILES = '/api/files/';

const login: readonly Question[] = [
  post(LOGIN, { username: 'ada', password: 'demo' }, 'lets ada in', { as: ANONYMOUS }),
  post(LOGIN, { username: '  ada  ', password: 'demo' }, 'trims the name', { as: ANONYMOUS }),
  post(LOGIN, { username: 'ada', password: ' demo' }, 'does not trim the password', { as: ANONYMOUS }),
  post(LOGIN, { username: 'ada', password: 'wrong' }, 'refuses a wrong password', { as: ANONYMOUS }),
  post(LOGIN, { username: 'nobody', password: 'demo' }, 'refuses an unknown name', { as: ANONYMOUS }),
  post(LOGIN, { username: 'gone', password: 'demo' }, 'refuses an inactive user', { as: ANONYMOUS }),
  post(LOGIN, {}, 'wants both fields', { as: ANONYMOUS }),
  post(LOGIN, { username: null, password: 5 }, 'tells null from a number', { as: ANONYMOUS }),
  post(LOGIN, { username: 'a'.repeat(151), password: 'b'.repeat(129) }, 'limits lengths', { as: ANONYMOUS }),
  post(LOGIN, { username: 'a\0b', password: '\ud800' }, 'refuses NUL and half letters', { as: ANONYMOUS }),
  post(LOGIN, { username: '  ', password: '' }, 'refuses blanks', { as: ANONYMOUS }),
  post(LOGIN, { username: 'ada', password: 'demo' }, 'without a tenant', {
    as: NOBODY,
    headers: { ...JSON_TYPE, host: 'nowhere.example' },
  }),
  post(LOGIN, '', 'takes an empty body for an empty object', {
    as: ANONYMOUS,
    headers: { 'content-type': 'text/plain' },
  }),
  post(LOGIN, '[1]', 'refuses a list', { as: ANONYMOUS }),
  post(LOGIN, '"x"', 'refuses a string', { as: ANONYMOUS }),
  post(LOGIN, '1.5', 'refuses a float', { as: ANONYMOUS }),
  post(LOGIN, '12', 'refuses an integer', { as: ANONYMOUS }),
  post(LOGIN, 'true', 'refuses a boolean', { as: ANONYMOUS }),
  post(LOGIN, 'null', 'refuses null', { as: ANONYMOUS }),
  post(LOGIN, '{"username":"x"', 'with a cut body', { as: ANONYMOUS }),
  post(LOGIN, '{"a":1,}', 'with a comma too many', { as: ANONYMOUS }),
  post(LOGIN, '{"é😀":1 "b"}', 'counts code points', { as: ANONYMOUS }),
  post(LOGIN, '{\n"a":\n nul}', 'counts lines', { as: ANONYMOUS }),
  post(LOGIN, '[NaN]', 'refuses NaN', { as: ANONYMOUS }),
  post(LOGIN, '{} x', 'refuses extra data', { as: ANONYMOUS }),
  post(LOGIN, '"\\x"', 'refuses an unknown escape', { as: ANONYMOUS }),
  post(LOGIN, '"a\tb"', 'refuses a bare tab', { as: ANONYMOUS }),
  post(LOGIN, '\ufeff{}', 'refuses a byte order mark', { as: ANONYMOUS }),
  post(LOGIN, Buffer.from([0x22, 0xff, 0x22]), 'refuses what is no UTF-8', { as: ANONYMOUS }),
  post(LOGIN, Buffer.from([0x22, 0xe2, 0x82]), 'refuses half a letter', { as: ANONYMOUS }),
  post(LOGIN, 'a=b', 'refuses a form', {
    as: ANONYMOUS,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }),
  post(LOGIN, 'a=b', 'repeats the type that it refuses', {
    as: ANONYMOUS,
    headers: { 'content-type': 'Text/Plain; charset="utf-8"' },
  }),
  post(LOGIN, '{}', 'refuses a body of no type', { as: ANONYMOUS, headers: {} }),
  post(LOGIN, { username: 'ada', password: 'demo' }, 'in the name of a session wants its token', {
    as: BROWSER,
  }),
  post(LOGIN, { username: 'ada', password: 'demo' }, 'in the name of a session takes its token', {
    as: BROWSER,
    headers: { ...JSON_TYPE, cookie: `csrftoken=${TOKEN}; sessionid=abc`, 'x-csrftoken': TOKEN },
  }),
  get('/api/auth/me/'),
  { what: 'HEAD /api/auth/me/', ask: { method: 'HEAD', target: '/api/auth/me/' } },
  get('/api/auth/me/', { as: GLOBEX }),
  get('/api/auth/me/', { as: ANONYMOUS }),
  get('/api/auth/me/', { as: GONE }),
  get('/api/auth/me/', { as: STRANGER }),
  get('/api/auth/me/', { as: NOBODY, headers: { host: 'nowhere.example' } }),
  post(LOGOUT, '', 'lets anybody go', { as: ANONYMOUS }),
  post(LOGOUT, '', 'of a session without its token', { as: BROWSER }),
  post(LOGOUT, '', 'of a session with a wrong token', {
    as: BROWSER,
    headers: { cookie: `csrftoken=${TOKEN}`, 'x-csrftoken': 'x' },
  }),
  post(LOGOUT, '', 'of a session with its token', {
    as: BROWSER,
    headers: { cookie: `csrftoken=${TOKEN}; sessionid=${'a'.repeat(32)}`, 'x-csrftoken': TOKEN },
  }),
];

const ai: readonly Question[] = [
  get(JOBS),
  get(`${JOBS}?page_size=3`),
  get(`${JOBS}?page_size=3&cursor=${cursor('p=40')}`),
  get(`${JOBS}?page_size=3&cursor=${cursor('r=1&p=10')}`),
  get(`${JOBS}?page_size=3&cursor=${cursor('p=3')}`),
  get(`${JOBS}?page_size=3&cursor=${cursor('p=1')}`),
  get(`${JOBS}?cursor=${cursor('r=1&p=2147483647')}`),
  get(`${JOBS}?page_size=3&cursor=${cursor('r=1&p=0')}`),
  get(`${JOBS}?page_size=0`),
  get(`${JOBS}?page_size=abc&z=1&a=%C3%A9+x&z=0&flag&empty=`),
  get(`${JOBS}?page_size=2&page_size=1&b=~!*()'`),
  get(`${JOBS}?page_size=101`),
  get(`${JOBS}?cursor=`),
  get(`${JOBS}?cursor=nonsense`),
  get(`${JOBS}?cursor=${cursor('p=x')}`),
  get(`${JOBS}?page_size=3&cursor=${cursor('p=9&r=1')}`),
  get(`${JOBS}?page_size=3&cursor=${cursor('r=0&p=9')}`),
  get(`${JOBS}?page_size=3&cursor=${cursor('r=2&p=9')}`),
  get(`${JOBS}?page_size=3&cursor=${cursor('x=y&p=7&p=9')}`),
  get(`${JOBS}?page_size=3&cursor=cD05`),
  get(`${JOBS}?page_size=3&cursor=cD0xMA`),
  get(`${JOBS}?cursor=${cursor('p=99999999999')}`),
  get(`${JOBS}?page_size=2`, { headers: { 'x-forwarded-proto': 'https' } }),
  get(JOBS, { as: ANONYMOUS }),
  get(`${JOBS}?cursor=nonsense`, { as: GONE }),
  get(JOBS, { as: GLOBEX }),
  { what: 'HEAD /api/ai/jobs/', ask: { method: 'HEAD', target: JOBS } },
  ...[
    '1',
    '41',
    '42',
    '43',
    '44',
    '45',
    '46',
    '0',
    '01',
    '9999',
    '2147483647',
    '2147483648',
    '99999999999',
    'x',
    '1e1',
    '-1',
    '1.0',
  ].map((id) => get(`${JOBS}${id}/`)),
  post(COMPLETE, { prompt: 'Tell me of trees' }, 'answers whole'),
  post(
    COMPLETE,
    { prompt: '  é 😀\u2028\tx  ', model: 'other', temperature: 0, max_tokens: 1 },
    'keeps odd letters',
  ),
  post(COMPLETE, '{"prompt":"numbers","temperature":1e-5,"max_tokens":5.0,"stream":0}', 'takes odd numbers'),
  post(
    COMPLETE,
    '{"prompt":"texts","temperature":" 0.25 ","max_tokens":"7","stream":"No","extra":{"a":[]}}',
    'takes numbers as texts',
  ),
  post(
    COMPLETE,
    '{"prompt":"twice","prompt":"last counts","temperature":2,"max_tokens":512}',
    'takes the last of two keys',
  ),
  post(COMPLETE, { prompt: 'events', max_tokens: 3, stream: true }, 'streams events'),
  post(COMPLETE, { prompt: 'more events', stream: 'yes' }, 'streams all events'),
  post(COMPLETE, {}, 'wants a prompt'),
  post(COMPLETE, { prompt: ' \n ' }, 'wants a prompt that is not blank'),
  post(COMPLETE, { prompt: 'é'.repeat(4000) }, 'takes 4000 letters'),
  post(COMPLETE, { prompt: '😀'.repeat(4001), model: 'm'.repeat(61) }, 'refuses 4001 letters'),
  post(
    COMPLETE,
    { prompt: 1, model: [], temperature: true, max_tokens: 1.5, stream: 'maybe' },
    'tells every mistake',
  ),
  post(
    COMPLETE,
    { prompt: null, model: null, temperature: null, max_tokens: null, stream: null },
    'refuses null everywhere',
  ),
  post(COMPLETE, { prompt: 'x', temperature: 2.1, max_tokens: 513 }, 'refuses too much'),
  post(COMPLETE, { prompt: 'x', temperature: -0.1, max_tokens: 0 }, 'refuses too little'),
  post(COMPLETE, '{"prompt":"x","temperature":1e999,"max_tokens":1e16}', 'refuses what is beyond all bounds'),
  post(COMPLETE, { prompt: 'x', temperature: 'warm', max_tokens: 'many' }, 'refuses words for numbers'),
  post(COMPLETE, { prompt: 'a\0\ud800' }, 'refuses NUL and half letters'),
  post(COMPLETE, { prompt: 'x' }, 'refuses an anonymous caller', { as: ANONYMOUS }),
  post(COMPLETE, 'broken', 'looks at identity first', { as: ANONYMOUS }),
  post(COMPLETE, { prompt: 'x' }, 'wants the token of a session', { as: BROWSER }),
  get(`${JOBS}?page_size=8`),
];

const chat: readonly Question[] = [
  get('/api/chat/channels/'),
  get('/api/chat/channels/', { as: GLOBEX }),
  get('/api/chat/channels/', { as: ANONYMOUS }),
  { what: 'HEAD /api/chat/channels/', ask: { method: 'HEAD', target: '/api/chat/channels/' } },
  get(MESSAGES),
  get(`${MESSAGES}?page_size=2`),
  get(`${MESSAGES}?page_size=2&cursor=${cursor('p=60')}`),
  get(`${MESSAGES}?page_size=2&cursor=${cursor('r=1&p=60')}`),
  get('/api/chat/channels/2/messages/?page_size=100'),
  get('/api/chat/channels/999/messages/?cursor=nonsense'),
  get('/api/chat/channels/x/messages/'),
  get(`${MESSAGES}?cursor=nonsense`),
  get('/api/chat/channels/999/messages/', { as: STRANGER }),
  post(MESSAGES, { body: 'hello' }, 'writes'),
  post(MESSAGES, { body: ' \u2028 é 😀 ', metadata: {} }, 'keeps odd letters'),
  post(
    MESSAGES,
    '{"body":"numbers","metadata":{"one":1.0,"exp":1e-05,"big":1E16,"ten":1.10,"zero":-0,"long":12345678901234567890.123}}',
    'keeps number forms',
  ),
  post(
    MESSAGES,
    '{"body":"keys","metadata":{"b":1,"aa":2,"a":{"z":[],"y":{}},"b":3,"__proto__":{"x":1},"é":"\\u00e9\\u2028"}}',
    'orders keys as jsonb does',
  ),
  post(MESSAGES, { body: 'x', metadata: [] }, 'refuses a list'),
  post(MESSAGES, { body: 'x', metadata: 'text' }, 'refuses a text'),
  post(MESSAGES, { body: 'x', metadata: null }, 'refuses null'),
  post(MESSAGES, '{"body":"x","metadata":{"a":"\\u0000"}}', 'refuses what jsonb cannot hold'),
  post(MESSAGES, '{"body":"x","metadata":{"a":["\\ud800"]}}', 'refuses half a letter inside'),
  post(MESSAGES, { metadata: 5 }, 'tells every mistake'),
  post(MESSAGES, { body: 'x'.repeat(4001) }, 'limits the length'),
  post('/api/chat/channels/999/messages/', 'broken', 'looks at the channel before the body'),
  post('/api/chat/channels/999/messages/', 'broken', 'looks at identity before the channel', {
    as: ANONYMOUS,
  }),
  post(MESSAGES, { body: 'x' }, 'wants the token of a session', { as: BROWSER }),
  post(MESSAGES, { body: 'by a browser' }, 'takes the token of a session', {
    as: BROWSER,
    headers: { ...JSON_TYPE, cookie: `csrftoken=${TOKEN}`, 'x-csrftoken': TOKEN },
  }),
  get(`${MESSAGES}?page_size=6`),
];

const BOUNDARY = 'contract-boundary';
const MULTIPART = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };

type FormPart = Readonly<{ head: string; content: string | Buffer }>;

export function writeForm(parts: readonly FormPart[], end: 'whole' | 'cut' = 'whole'): Buffer {
  const pieces = parts.flatMap(({ head, content }) => [
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
    Buffer.from(content as string),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(end === 'whole' ? `--${BOUNDARY}--\r\n` : '')]);
}

export const filePart = (name: string, content: string | Buffer, type = 'text/plain'): FormPart => ({
  head: `name="file"; filename="${name}"\r\nContent-Type: ${type}`,
  content,
});

export function uploadAsk(parts: readonly FormPart[], end: 'whole' | 'cut' = 'whole'): Ask {
  return { method: 'POST', target: FILES, headers: MULTIPART, body: writeForm(parts, end) };
}

const upload = (what: string, parts: readonly FormPart[], end: 'whole' | 'cut' = 'whole'): Question => ({
  what: `POST ${FILES} ${what}`,
  ask: uploadAsk(parts, end),
});

function makeFileQuestions(big: number, odd: number): readonly Question[] {
  const content = `${FILES}${big}/content/`;
  const small = `${FILES}${odd}/content/`;
  const ranged = (range: string, more: Record<string, string> = {}) => ({
    what: `GET a file, Range: ${range} ${JSON.stringify(more)}`,
    ask: { target: content, headers: { range, ...more } },
  });
  const created = { modified: 'Thu, 08 Jan 2026 00:00:00 GMT', before: 'Wed, 07 Jan 2026 23:59:59 GMT' };
  return [
    get(FILES),
    get(FILES, { as: GLOBEX }),
    get(FILES, { as: ANONYMOUS }),
    { what: `HEAD ${FILES}`, ask: { method: 'HEAD', target: FILES } },
    get(content),
    get(small),
    get(`${FILES}${odd + 1}/content/`),
    { what: 'HEAD a file', ask: { method: 'HEAD', target: content, headers: { range: 'bytes=0-9' } } },
    ...[
      '0-0',
      '0-9',
      '262143-262144',
      '262144-',
      '-1',
      '-5000000',
      '599000-',
      '0-99999999',
      '9999999-',
      '-0',
      '5-4',
      '-',
      'x-y',
      '0-1,3-4',
      '0-9 ',
    ].map((range) => ranged(`bytes=${range}`)),
    ranged('Bytes=0-3'),
    ranged('lines=0-3'),
    ranged('bytes=0-3', { 'if-range': '"other"' }),
    ranged('bytes=0-3', { 'if-range': 'Thu, 01 Jan 1970 00:00:00 GMT' }),
    ...[
      { 'if-none-match': '*' },
      { 'if-none-match': '"other"' },
      { 'if-none-match': '"other", W/"84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"' },
      { 'if-modified-since': created.modified },
      { 'if-modified-since': created.before },
      { 'if-modified-since': 'nonsense' },
      { 'if-none-match': '"other"', 'if-modified-since': created.modified },
      {
        range: 'bytes=2-4',
        'if-range': '"84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"',
      },
      {
        range: 'bytes=2-4',
        'if-range': 'W/"84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"',
      },
      { range: 'bytes=2-4', 'if-range': created.modified },
      { range: 'bytes=99-', 'if-none-match': '*' },
    ].map((headers) => ({
      what: `GET a small file with ${JSON.stringify(headers)}`,
      ask: { target: small, headers },
    })),
    get(`${FILES}9999/content/`),
    get(`${FILES}x/content/`),
    get(content, { as: ANONYMOUS }),
    get(content, { as: { tenant: 'globex', user: 1 } }),
    upload('takes a file', [filePart('plan.txt', 'hello')]),
    upload('takes an odd name', [filePart('räk "smörgås".TXT', 'hello', 'Text/HTML; charset=utf-8')]),
    upload('takes the last segment of a path', [
      filePart('..\\\\up/down\\\\name.tar.gz', 'x', 'application/gzip'),
    ]),
    upload('cuts a long name', [filePart(`${'n'.repeat(300)}.txt`, 'x')]),
    upload('takes a file without a type', [{ head: 'name="file"; filename="untyped"', content: 'x' }]),
    upload('takes an odd type for none', [filePart('odd', 'x', `x/${'y'.repeat(120)}`)]),
    upload('takes the first of two files', [
      { head: 'name="note"', content: 'text' },
      filePart('first.txt', 'first'),
      filePart('second.txt', 'second'),
    ]),
    upload('skips files of other fields', [{ head: 'name="other"; filename="o.txt"', content: 'x' }]),
    upload('refuses an empty file', [filePart('empty.txt', '')]),
    upload('refuses an empty name', [filePart('', 'x')]),
    upload('refuses a text', [{ head: 'name="file"', content: 'x' }]),
    upload('refuses no part at all', []),
    upload('refuses what breaks off', [filePart('cut.txt', 'x')], 'cut'),
    post(FILES, '', 'refuses an empty body', { headers: MULTIPART }),
    post(FILES, '{}', 'refuses JSON'),
    post(FILES, 'x', 'refuses a body without boundary', {
      headers: { 'content-type': 'multipart/form-data' },
    }),
    post(FILES, 'x', 'refuses an anonymous caller', { as: ANONYMOUS }),
    post(FILES, 'x', 'wants the token of a session', { as: BROWSER }),
    upload('takes more than two chunks', [
      filePart('big.bin', Buffer.alloc(600_000, 'banyan '), 'application/octet-stream'),
    ]),
    upload('takes exactly one chunk', [
      filePart('one.bin', Buffer.alloc(262_144, 'x'), 'application/octet-stream'),
    ]),
    get(FILES),
    ...['9999', 'x', String(odd)].map((id) => ({
      what: `DELETE ${FILES}${id}/`,
      ask: { method: 'DELETE', target: `${FILES}${id}/` },
    })),
    { what: `DELETE ${FILES}${odd}/ again`, ask: { method: 'DELETE', target: `${FILES}${odd}/` } },
    { what: 'DELETE as nobody', ask: { method: 'DELETE', target: `${FILES}${odd}/`, as: ANONYMOUS } },
    get(small),
    get(FILES),
  ];
}

const dashboard: readonly Question[] = [
  get('/api/dashboard/summary/'),
  get('/api/dashboard/summary/', { as: GLOBEX }),
  get('/api/dashboard/summary/', { as: ANONYMOUS }),
  { what: 'HEAD /api/dashboard/summary/', ask: { method: 'HEAD', target: '/api/dashboard/summary/' } },
];

/** One sequence of requests: both sides, asked in this order from the same rows, must give the same answers. */
export function makeQuestions(ids: Readonly<{ bigFile: number; oddFile: number }>): readonly Question[] {
  return [
    ...dashboard,
    ...login,
    ...ai,
    ...chat,
    ...makeFileQuestions(ids.bigFile, ids.oddFile),
    ...dashboard,
  ];
}

export { ADA };
