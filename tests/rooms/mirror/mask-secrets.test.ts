import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { differsWithItself } from '../../../src/mirror/compare/index.ts';
import { openMask, openSeal } from '../../../src/mirror/mask/index.ts';
import {
  DEFAULT_MIRROR_RULES,
  type MirrorRules,
  type RowChange,
  type SideAnswer,
} from '../../../src/vocabulary/index.ts';
import { answer, compareAnswers } from './compare-answers.ts';

/** Fifty things that must never be seen: credentials, and what people are entitled to keep to themselves. */
const SECRETS: readonly string[] = [
  'hunter2-hunter2',
  'correct horse battery staple',
  'pbkdf2_sha256$600000$abcdef$c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=',
  '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9mLWFkYQ',
  'byn_live_9f8e7d6c5b4a39281706',
  'sk_live_4eC39HqLyjWDarjtT1zdp7dc',
  'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  'xoxb-263594206564-FGqddMF8t08v8N7Oq4i57vs1',
  'AKIAIOSFODNN7EXAMPLE',
  'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  'AIzaSyDdI0hCZtE6vySjMm-WEfRq3CPzqKqqsHI',
  '-----BEGIN PRIVATE KEY-----MIIEvQIBADANBg-----END PRIVATE KEY-----',
  'postgres://app:s3cr3t-pass@db.acme.example/app',
  'sessionid-k3j4h5g6f7d8s9a0',
  'csrf-Zx8vB2nM4kL6jH8gF1dS3aQ5wE7rT9yU',
  'otpauth://totp/acme:ada?secret=JBSWY3DPEHPK3PXP',
  'recovery-8f3k-29dk-x82m',
  '4111111111111111',
  '5555 5555 5555 4444',
  'DE89 3704 0044 0532 0130 00',
  'GB82WEST12345698765432',
  '078-05-1120',
  'ada.lovelace@acme.example',
  'zoë.müller+private@sub.acme.example',
  '+49 171 2345678',
  '(555) 010-4477',
  'Augusta Ada King',
  'Zoë Müller-Østergård',
  '李小龍先生',
  'فاطمة الزهراء',
  '12 Rue de la Paix, 75002 Paris',
  'Born on 10 December 1815',
  '1815-12-10',
  'diagnosis: F41.1 generalised anxiety',
  'blood group AB negative',
  '48.8698,2.3311',
  '203.0.113.77',
  '2001:db8::dead:beef',
  '02:42:ac:11:00:02',
  'Passport C01X00T47',
  'salary 123456.78 EUR',
  'dear diary, today I',
  'https://acme.example/reset?code=8d7f6a5b4c',
  '/home/ada/private/letters.txt',
  'quote " backslash \\ secret',
  'line one\nline two secret',
  'null\u0000byte secret',
  'emoji 🗝️ secret',
  'AdaLovelaceSecretKeyAsIdentifier1815',
];

const rules: MirrorRules = {
  ...DEFAULT_MIRROR_RULES,
  clear: ['/state', '/user/role'],
  headers: ['etag', 'location', 'link', 'content-type', 'x-note'],
};
const mask = openMask(randomBytes(32));

/** What a text could look like once somebody has written it down. */
function spell(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const bytes = Buffer.from(secret);
  return [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    encodeURIComponent(secret),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('hex'),
  ];
}

function expectNone(text: string, secret: string): void {
  const shown = spell(secret).filter((spelt) => text.toLowerCase().includes(spelt.toLowerCase()));
  expect(shown).toEqual([]);
}

/** Everything that may be kept of a comparison, in one text. */
function keepAll(
  legacy: SideAnswer,
  fresh: SideAnswer,
  rows?: Readonly<{ legacy: RowChange[]; new: RowChange[] }>,
): string {
  const compared = compareAnswers(legacy, fresh, { rules, method: 'unsafe', ...(rows && { rows }) });
  const differences = compared.kind === 'different' ? compared.differences : [];
  const kept = differences.map((one) => mask.difference(one, rules, 'acme'));
  const noise = differsWithItself(legacy, fresh, rules);
  return [
    JSON.stringify(kept),
    JSON.stringify(noise),
    mask.skeleton(legacy, rules, 'acme'),
    mask.skeleton(fresh, rules, 'acme'),
  ].join('\n');
}

type Planting = (
  secret: string,
) => readonly [legacy: SideAnswer, fresh: SideAnswer, rows?: { legacy: RowChange[]; new: RowChange[] }];
const header = (value: string) => value.replace(/[^\x20-\x7e]/g, '?');
const row = (value: unknown): RowChange => ({
  table: 'chat_message',
  change: 'insert',
  key: '{"id":1}',
  row: JSON.stringify(value),
});

/** Where secrets stand. */
const PLACES: Readonly<Record<string, Planting>> = {
  'a value': (secret) => [
    answer({ body: { note: secret } }),
    answer({ body: { note: 'other', state: 'done' } }),
  ],
  'a value on the new side': (secret) => [
    answer({ body: { note: 'other' } }),
    answer({ body: { note: secret } }),
  ],
  'a value in a list': (secret) => [
    answer({ body: { list: ['a', secret] } }),
    answer({ body: { list: ['b', secret, secret] } }),
  ],
  'a value of another type': (secret) => [
    answer({ body: { note: [secret, { inner: secret }] } }),
    answer({ body: { note: null } }),
  ],
  'the whole document': (secret) => [answer({ body: JSON.stringify(secret) }), answer({ body: '1' })],
  'a key': (secret) => [answer({ body: { by: { [secret]: 1 } } }), answer({ body: { by: { [secret]: 2 } } })],
  'a key that is lacking': (secret) => [
    answer({ body: { by: { [secret]: { a: 'text' } } } }),
    answer({ body: { by: {} } }),
  ],
  'a key above a difference': (secret) => [
    answer({ body: { [secret]: { state: 'a text' } } }),
    answer({ body: { [secret]: { state: 'another' } } }),
  ],
  'a key inside of what is clear': (secret) => [
    answer({ body: { user: { role: { password: secret } } } }),
    answer({ body: { user: { role: 1 } } }),
  ],
  'a field of a secret name that is named as clear': (secret) => [
    answer({ body: { state: { token: secret } } }),
    answer({ body: { state: { token: 'x' } } }),
  ],
  'a body that is no JSON': (secret) => [
    answer({ body: `{"note":"${secret}` }),
    answer({ body: `<p>${secret}` }),
  ],
  'a text': (secret) => [
    answer({ type: 'text/plain', body: `a ${secret}` }),
    answer({ type: 'text/plain', body: secret }),
  ],
  'a page': (secret) => [
    answer({ type: 'text/html', body: `<p title="${secret}">${secret}</p>` }),
    answer({ type: 'text/html', body: '<p title="x">y</p>' }),
  ],
  'names in a page': (secret) => [
    answer({ type: 'text/html', body: `<p><${secret} ${secret}="1">` }),
    answer({ type: 'text/html', body: '<p>' }),
  ],
  bytes: (secret) => [
    answer({ type: 'image/png', body: secret }),
    answer({ type: 'image/png', body: 'other' }),
  ],
  'a coded body': (secret) => [
    answer({ headers: ['Content-Encoding', 'gzip'], body: gzipSync(JSON.stringify({ note: secret })) }),
    answer({ body: '{}' }),
  ],
  'an event': (secret) => [
    answer({
      type: 'text/event-stream',
      body: `data: ${secret}\n\nevent: ${secret}\ndata: {"delta":${JSON.stringify(secret)}}\n\n`,
    }),
    answer({ type: 'text/event-stream', body: 'data: x\n\n' }),
  ],
  'a header': (secret) => [
    answer({ headers: ['ETag', header(secret), 'X-Note', header(secret)] }),
    answer({ headers: ['Location', header(secret)] }),
  ],
  'a content type': (secret) => [
    answer({ type: `text/plain; boundary="${header(secret)}"`, body: 'a' }),
    answer({ type: header(secret), body: 'b' }),
  ],
  'a cookie': (secret) => [
    answer({ headers: ['Set-Cookie', `theme=${header(secret)}; Path=/${header(secret)}`] }),
    answer({ headers: ['Set-Cookie', 'theme=x; Path=/'] }),
  ],
  'a name of a cookie': (secret) => [
    answer({ headers: ['Set-Cookie', `${header(secret)}=1; ${header(secret)}=2`] }),
    answer(),
  ],
  'a row': (secret) => [
    answer(),
    answer(),
    {
      legacy: [row({ id: 1, body: secret, metadata: { [secret]: secret } })],
      new: [row({ id: 1, body: 'x', metadata: { a: { [secret]: 1 } } })],
    },
  ],
  'a row that is lacking': (secret) => [
    answer(),
    answer(),
    { legacy: [row({ id: 1, body: secret })], new: [] },
  ],
};

// A word of letters alone cannot be told from a name that programmers gave: docs/comparing.md says so.
describe.each(Object.keys(PLACES))('planted as %s', (place) => {
  test('no secret is kept', () => {
    for (const secret of SECRETS) {
      const [legacy, fresh, rows] = (PLACES[place] as Planting)(secret);
      expectNone(keepAll(legacy, fresh, rows), secret);
      expectNone(keepAll(fresh, legacy, rows), secret);
    }
  });
});

test('there are fifty of them, and what is looked for would be found', () => {
  expect(new Set(SECRETS).size).toBe(50);
  for (const secret of SECRETS) {
    const shown = openMask(randomBytes(32)).skeleton(
      answer({ body: { state: 'done', note: secret } }),
      rules,
    );
    expect(shown).toContain('"clear":"\\"done\\""');
    expect(() => expectNone(JSON.stringify({ note: secret }), secret)).toThrow();
  }
});

test('sealed, no secret can be read either', () => {
  const sealed = openSeal(randomBytes(32)).seal(SECRETS, 'route');
  for (const secret of SECRETS) expect(Buffer.from(sealed).includes(secret)).toBe(false);
});
