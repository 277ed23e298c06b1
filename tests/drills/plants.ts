import { createHash } from 'node:crypto';

/** Something that must be found nowhere. `core` is the part of it that is looked for: nothing else in the world reads so. */
export type Plant = Readonly<{ kind: string; core: string; value: string }>;

// One list for both processes: the same names give the same plants.
const coreOf = (kind: string) => createHash('sha256').update(`plant: ${kind}`).digest('hex').slice(0, 20);

/** `write` makes of the core what such a secret looks like. */
function plant(kind: string, write: (core: string) => string = (core) => core): Plant {
  const core = coreOf(kind);
  return { kind, core, value: write(core) };
}

/** One that is its own core, as a number is. */
const exact = (kind: string, value: string): Plant => ({ kind, core: value, value });

/** Secrets that a request's head or query brings along. */
export const HEAD = {
  badBearer: plant('a bearer token that nobody knows', (core) => `opaque-${core}`),
  badApiKey: plant('an API key that nobody knows', (core) => `byn_live_${core}`),
  cookie: plant('a cookie of somebody else', (core) => `remember${core}`),
  authToken: plant('a header with a token', (core) => `t-${core}`),
  referer: plant('a token in the page one came from', (core) => `https://mail.example/?login=${core}`),
  userAgent: plant('a key in the name of a client', (core) => `script/1.0 key=${core}`),
  queryToken: plant('token in a query', (core) => core),
  queryApiKey: plant('api_key in a query', (core) => core),
  queryAccess: plant('access_token in a query', (core) => core),
  querySignature: plant('signature in a query', (core) => core),
  queryPassword: plant('password in a query', (core) => core),
  queryUrl: plant(
    'a URL with a password under a harmless name in a query',
    (core) => `https://ada:${core}@db.example/`,
  ),
  pathId: plant('a token in the path', (core) => `tok${core}`),
} as const;

/** Secrets in bodies of requests for a login. */
export const LOGIN = {
  password: plant('a password'),
  otp: exact('a one-time code', '80417256'),
  newPassword: plant('a new password'),
  recovery: plant('a recovery code'),
} as const;

/** Secrets by the name of their field, in JSON that legacy keeps and shows again. */
export const FIELDS: Readonly<Record<string, Plant>> = {
  token: plant('token'),
  secret: plant('secret'),
  card: exact('card, by name', '4929-0031-7745-1123'),
  card_number: exact('card_number', '5213 8849 2219 0084'),
  cvv: exact('cvv', '9081742'),
  iban: exact('iban', 'DE02120300000000202051'),
  pin: exact('pin', '66419027'),
  apiKey: plant('apiKey'),
  accessKey: plant('accessKey'),
  private_key: plant(
    'private_key',
    (core) => `-----BEGIN PRIVATE KEY-----\n${core}\n-----END PRIVATE KEY-----`,
  ),
  'X-Authorization': plant('X-Authorization', (core) => `Digest ${core}`),
  sessionId: plant('sessionId'),
  csrfmiddlewaretoken: plant('csrfmiddlewaretoken'),
  connection_string: plant('connection_string', (core) => `Server=db;Pwd=${core}`),
  signature: plant('signature'),
  ssn: exact('ssn', '078-05-1120'),
  tax_id: exact('tax_id', '98-7654321'),
  passphrase: plant('passphrase'),
  refresh_token: plant('refresh_token'),
  client_secret: plant('client_secret'),
};

/** Secrets by their looks, under names that say nothing. */
export const LOOKS: Readonly<Record<string, Plant>> = {
  note: plant('a bearer header in a note', (core) => `use Bearer ${core}`),
  link: plant('a password in a link', (core) => `postgres://ada:${core}@db.example/prod`),
  text: plant('a key in PEM', (core) => `-----BEGIN RSA PRIVATE KEY-----\n${core}`),
  hash: plant('a hashed password', (core) => `pbkdf2_sha256$870000$${core}$abc=`),
  number: exact('the number of a card', '4539 1488 0343 6467'),
  stripe: plant('a key of Stripe', (core) => `sk_live_${core}`),
  git: plant('a key of GitHub', (core) => `ghp_${core}`),
  slack: plant('a key of Slack', (core) => `xoxb-${core}`),
  ours: plant('a key of ours', (core) => `byn_live_${core}`),
  jwt: plant('a JWT in a text', (core) => `eyJhbGciOiJIUzI1NiJ9.${core}.sig`),
};

/** Secrets as keys of an object. */
export const KEYS = {
  map: plant('a key of a map', (core) => `sess_${core}`),
  alone: plant('the only key of an object', (core) => `ghp_${core}`),
} as const;

export const FILES = {
  name: plant('a token in a file name', (core) => `access_token=${core}.txt`),
  field: plant('another field of a form'),
} as const;

export const PROMPTS = {
  secretField: plant('a secret beside a prompt'),
  inPrompt: plant('a key in a prompt', (core) => `summarise sk_test_${core}`),
} as const;

/** What the new side says that legacy does not. */
export const NEW_SIDE = {
  thrown: plant(
    'the text of an error that was thrown',
    (core) => `connect to postgres://app:${core}@db failed`,
  ),
  field: plant('a secret in a field of the new side'),
  key: exact('a key of the new side', `AKIA${coreOf('a key of the new side').toUpperCase()}`),
  cookie: plant('a cookie of the new side'),
  location: plant('a token in a Location', (core) => `/next?token=${core}`),
  header: plant('a ticket in a WWW-Authenticate', (core) => `Negotiate ${core}`),
  page: plant('a page of errors', (core) => `<html><body><pre>SECRET_KEY = '${core}'</pre></body></html>`),
} as const;

/** Not secrets by name or looks, and yet nobody's business: people's own words. */
export const WORDS = {
  message: plant('the text of a message', (core) => `dear ${core}, see you at eight`),
  prompt: plant('a prompt', (core) => `tell me about ${core}`),
  userName: plant('a name', (core) => `u${core}`),
  fileName: plant('the name of a file', (core) => `letter to ${core}.txt`),
  fileContent: plant('the content of a file', (core) => `once upon a ${core}`),
  newWord: plant('a word of the new side', (core) => `a word, ${core}`),
} as const;

/** In a field that the table names, and no secret: this one must be found. */
export const CLEAR: Plant = plant('a value that the table opens', (core) => `colour ${core}`);

export const SECRETS: readonly Plant[] = [HEAD, LOGIN, FIELDS, LOOKS, KEYS, FILES, PROMPTS, NEW_SIDE].flatMap(
  (group) => Object.values(group),
);
export const ALL: readonly Plant[] = [...SECRETS, ...Object.values(WORDS)];

/** Which of the plants stand in a text: as they are, escaped, in hex, in base64, or as a URL writes them; in whatever case. */
export function findPlants(text: string, plants: readonly Plant[]): readonly string[] {
  const lower = text.toLowerCase();
  return plants
    .filter(({ core }) => spell(core).some((form) => lower.includes(form)))
    .map(({ kind }) => kind);
}

function spell(core: string): readonly string[] {
  const bytes = Buffer.from(core);
  // Wherever it stands in what was encoded: base64 has three ways to spell its middle.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  const url = base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'));
  const plain = [core, core.replace(/[ -]/g, ''), encodeURIComponent(core), bytes.toString('hex')];
  // Shorter ones stand anywhere by chance.
  return [...new Set([...plain, ...base64, ...url].map((form) => form.toLowerCase()))].filter(
    (form) => form.length >= 7,
  );
}
