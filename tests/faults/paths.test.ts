import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openRawHouse, type RawHouse } from './raw-house.ts';

// Which path a request has, if it has one. Request lines are written by hand: HTTP clients repair them.

let raw: RawHouse;

beforeAll(async () => {
  raw = await openRawHouse();
});
afterAll(() => raw?.close());

const ENDED = '"event":"request_finished"';
/** `code`: what is no target at all, Node's parser refuses already. */
async function expectRefusal(target: string, code = /^(path_ambiguous|request_malformed)$/): Promise<void> {
  const ends = raw.house.log.filter((line) => line.includes(ENDED)).length;

  const { status, text, isClosed, seen } = await raw.ask(`GET ${target} HTTP/1.1`);

  expect([status, isClosed]).toEqual([400, true]);
  expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json\r\n/);
  expect(/"code":"(\w+)"/.exec(text)?.[1]).toMatch(code);
  expect(text.toLowerCase()).not.toContain('\nlocation:');
  expect(seen).toEqual([]);
  expect([raw.upstream.halves, raw.upstream.refused, raw.upstream.open()]).toEqual([[], [], []]);
  // Refused before any route was looked for: neither table nor metrics see such a path.
  expect(raw.house.log.filter((line) => line.includes(ENDED))).toHaveLength(ends + 1);
  expect(raw.lastEnd()).toMatchObject({ outcome: 'refused', failure: expect.stringMatching(code) });
  expect(raw.lastEnd().routeId).toBeUndefined();
}

describe('row-038-dot-segments: a path that could be normalised is refused', () => {
  test.each([
    ['//'],
    ['//api/ai/jobs/'],
    ['/api//ai/jobs/'],
    ['/api/ai/jobs//'],
    ['/./api/ai/jobs/'],
    ['/api/./ai/jobs/'],
    ['/api/x/../ai/jobs/'],
    ['/../api/ai/jobs/'],
    ['/api/ai/jobs/..'],
    ['/api/ai/jobs/.'],
    ['/api/ai/jobs/...'],
  ])('row-038-dot-segments: %s: 400, nothing upstream', async (target) => {
    await expectRefusal(target);
  });

  test('row-038-dot-segments: table, explanation, metrics and monolith all see the one path that is left', async () => {
    const { status, seen } = await raw.ask('GET /api/chat/channels/7/messages/?limit=5 HTTP/1.1');

    expect(status).toBe(200);
    expect(seen.map(({ target }) => target)).toEqual(['/api/chat/channels/7/messages/?limit=5']);
    expect(raw.lastEnd()).toMatchObject({ routeId: 'chat.messages', side: 'legacy' });
    const told = await raw.house.admin('POST', '/api/explain', {
      method: 'GET',
      path: '/api/chat/channels/7/messages/',
      tenant: 'acme',
    });
    expect(await told.json()).toMatchObject({ route: 'chat.messages', side: 'legacy' });
    const metrics = await (await fetch(`${raw.house.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/banyan_requests_total\{route="chat\.messages"/);
    expect(metrics).not.toContain('/api/chat');
  });
});

test.each([
  ['/%2e%2e/api/ai/jobs/'],
  ['/%2E/api/ai/jobs/'],
  ['/api/.%2e/ai/jobs/'],
  ['/api%2fai/jobs/'],
  ['/api%2Fai%2Fjobs/'],
  ['/api%5cai/jobs/'],
  ['/api%252fai/jobs/'],
  ['/api%25252fai/jobs/'],
  ['/%252e%252e/api/'],
  ['/api%255cai/'],
  ['/%c0%ae%c0%ae/api/'],
  ['/api%c0%afai/'],
  ['/api%e0%80%afai/'],
  ['/api%f0%80%80%afai/'],
  ['/api%ef%bc%8fai/'],
  ['/%ef%bc%8e%ef%bc%8e/api/'],
  ['/api%ef%bc%bcai/'],
  ['/%e2%80%a5/api/'],
  ['/api%u002fai/'],
])('row-039-encoded-separators: %s: 400, nothing upstream', async (target) => {
  await expectRefusal(target);
});

test.each([
  ['/api\\ai\\jobs/'],
  ['\\api/ai/jobs/'],
  ['/\\evil.example/'],
  ['/api/..\\ai/'],
  ['/api/ai/jobs/\\'],
])('row-040-backslash: %s: 400, nothing upstream, and nobody turns it into a slash', async (target) => {
  await expectRefusal(target);
});

describe('row-041-matrix-parameters: one rule for letters, escapes and ends of segments', () => {
  test.each([
    ['an escape that is not needed', '/%61pi/ai/jobs/'],
    ['an escaped tilde', '/api/%7Euser/'],
    ['a matrix parameter', '/api/ai;v=1/jobs/'],
    ['an empty matrix parameter', '/api/ai/jobs;/'],
    ['a session in the path', '/api/ai/jobs/;jsessionid=1'],
    ['dots and a matrix parameter', '/api/..;/ai/jobs/'],
    ['a dot at the end of a segment', '/api/ai./jobs/'],
    ['a dot at the end', '/api/ai/jobs.'],
    ['a space at the end of a segment', '/api/ai%20/jobs/'],
    ['a NUL', '/api/ai/jobs%00/'],
    ['a NUL, escaped twice', '/api/ai/jobs%2500/'],
    ['a line break', '/api/ai/jobs/%0d%0aX-Tenant-Id:%20initech'],
    ['a control character', '/api/ai/jobs/%7f'],
  ])('row-041-matrix-parameters: %s is refused, and nothing goes upstream', async (_what, target) => {
    await expectRefusal(target);
  });

  test('row-041-matrix-parameters: letter case counts, so another spelling of a listed path is not that route', async () => {
    const { seen } = await raw.ask('GET /API/AI/Jobs/ HTTP/1.1');

    expect(seen.map(({ target }) => target)).toEqual(['/API/AI/Jobs/']);
    expect(raw.lastEnd().routeId).toBeUndefined();
    expect(raw.lastEnd()).toMatchObject({ side: 'legacy', reason: 'unlisted' });
  });

  test('row-041-matrix-parameters: an escape that is needed goes on as it came, in either case of its digits', async () => {
    const { seen } = await raw.ask('GET /caf%c3%a9/100%25%20off/caf%C3%A9/a%3Bb/ HTTP/1.1');

    expect(seen.map(({ target }) => target)).toEqual(['/caf%c3%a9/100%25%20off/caf%C3%A9/a%3Bb/']);
  });
});

describe('row-042-authority-in-the-path: no path is taken for a host, and no redirect is made of one', () => {
  test.each([
    ['a fragment', '/api/ai/jobs/#admin'],
    ['a fragment behind a query', '/api/ai/jobs/?a=1#b'],
    ['a host', '//evil.example/api/'],
    ['a host behind a user', '//user@evil.example/'],
    ['a host behind backslashes', '/\\evil.example/'],
    ['another scheme', 'ftp://acme.localhost/api/'],
    ['a scheme without a host', 'http:/api/'],
    ['a host and port', 'evil.example:80'],
  ])('row-042-authority-in-the-path: %s: 400, nothing upstream, no redirect', async (_what, target) => {
    await expectRefusal(target);
  });

  test.each([
    ['http://evil.example/api/'],
    ['http://acme.localhost@evil.example/'],
    ['http://acme.localhost:81/api/'],
  ])('row-042-authority-in-the-path: %s, which is not the Host, is refused', async (target) => {
    await expectRefusal(target, /^request_malformed$/);
  });

  test('row-042-authority-in-the-path: the gateway leaves missing slashes and redirects to the monolith', async () => {
    const { status, seen } = await raw.ask('GET /api/ai/jobs HTTP/1.1');

    expect(status).toBe(200);
    expect(seen.map(({ target }) => target)).toEqual(['/api/ai/jobs']);
  });
});

test.each([
  ['a lone percent sign', '/a%'],
  ['half an escape', '/a%2'],
  ['an escape that is none', '/a%zz'],
  ['a byte beyond ASCII', '/caf\xe9/'],
  ['UTF-8 as it is', '/caf\xc3\xa9/'],
  ['a cut sequence', '/a%c3'],
  ['a surrogate', '/a%ed%a0%80'],
  ['a quote', '/a"b'],
  ['a brace', '/a{b}'],
  ['no slash', 'api/ai/jobs/'],
  ['an asterisk', '*'],
  ['a byte beyond ASCII in the query', '/a?q=caf\xe9'],
])('row-043-bad-escapes: %s: 400, nothing upstream', async (_what, target) => {
  await expectRefusal(target);
});

test.each([
  ['GET /a b HTTP/1.1'],
  ['GET /a\tb HTTP/1.1'],
  ['GET  HTTP/1.1'],
  ['OPTIONS * HTTP/1.1'],
  ['GET /a\0b HTTP/1.1'],
])('row-043-bad-escapes: the request line %j: 400, nothing upstream', async (requestLine) => {
  const { status, isClosed, seen } = await raw.ask(requestLine);

  expect([status, isClosed, seen]).toEqual([400, true, []]);
  expect([raw.upstream.halves, raw.upstream.refused, raw.upstream.open()]).toEqual([[], [], []]);
});

test.each([['GET  /a HTTP/1.1'], ['GET /a  HTTP/1.1']])(
  'row-043-bad-escapes: spaces too many in the request line %j are not handed on (RFC 9112 section 3 lets them pass)',
  async (requestLine) => {
    const { seen } = await raw.ask(requestLine);

    expect(seen.map(({ method, target }) => `${method} ${target}`)).toEqual(['GET /a']);
  },
);

test.each([
  ['?'],
  ['?b=2&a=1&b=3&a='],
  ['?q=%2e%2e%2f&r=%C3%A9&s=%c3%a9&t=%'],
  ['?next=//evil.example/../a;b&x=http://y/#'.slice(0, -1)],
  ['?a=b?c=d&&=&a'],
  ['?{"a":[1,2]}|^`\\'],
  ['?plus=a+b%20c%2B&empty=&=x'],
  [`?long=${'q'.repeat(8_000)}`],
])('row-044-query-as-it-came: the monolith gets the query byte for byte: %s', async (query) => {
  const { seen } = await raw.ask(`GET /api/ai/jobs/${query} HTTP/1.1`);

  expect(seen.map(({ target }) => target)).toEqual([`/api/ai/jobs/${query}`]);
});
