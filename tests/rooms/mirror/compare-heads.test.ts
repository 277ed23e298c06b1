import { describe, expect, test } from '@jest/globals';
import { COMPARED_HEADERS, NEVER_COMPARED } from '../../../src/mirror/compare/index.ts';
import {
  answer,
  compareAnswers,
  findDifferences,
  type PairWish,
  tell,
  tellValues,
} from './compare-answers.ts';

const tellHeaders = (legacy: readonly string[], fresh: readonly string[], wish: PairWish = {}) =>
  tell(compareAnswers(answer({ headers: legacy }), answer({ headers: fresh }), wish));
const tellCookies = (legacy: readonly string[], fresh: readonly string[], wish: PairWish = {}) => {
  const lines = (cookies: readonly string[]) =>
    answer({ headers: cookies.flatMap((cookie) => ['Set-Cookie', cookie]) });
  return tellValues(compareAnswers(lines(legacy), lines(fresh), wish));
};

describe('the status comes first', () => {
  test('within a class everything else is compared, too', () => {
    const compared = compareAnswers(
      answer({ status: 200, body: { a: 1 } }),
      answer({ status: 201, body: { a: 2 } }),
    );
    expect(tellValues(compared)).toEqual(['value status: 200 → 201', 'value /a: 1 → 2']);
  });

  test('of two classes only the statuses are told', () => {
    const legacy = answer({ status: 200, headers: ['Set-Cookie', 'a=1', 'ETag', '"x"'], body: { a: 1 } });
    const fresh = answer({ status: 404, body: { detail: 'Not found.' } });
    expect(tellValues(compareAnswers(legacy, fresh))).toEqual(['value status: 200 → 404']);
    const rows = {
      legacy: [{ table: 't', change: 'insert' as const, key: '{"id":1}', row: '{"id":1}' }],
      new: [],
    };
    expect(tell(compareAnswers(legacy, fresh, { method: 'unsafe', rows }))).toEqual(['value status']);
  });

  test('a body that was too large does not hide a wrong status', () => {
    const large = { ...answer(), body: { kind: 'larger' as const } };
    expect(tell(compareAnswers(large, answer({ status: 500 })))).toEqual(['value status']);
    expect(tell(compareAnswers(large, answer()))).toEqual(['not_compared: body_too_large']);
  });
});

describe('headers say the same', () => {
  test.each([
    ['names in any case', ['ETAG', '"a"'], ['etag', '"a"']],
    ['other order', ['ETag', '"a"', 'Vary', 'Accept'], ['Vary', 'Accept', 'ETag', '"a"']],
    ['Vary as a set of names', ['Vary', 'Accept, Cookie'], ['Vary', 'cookie,accept']],
    ['Vary on two lines', ['Vary', 'Accept, Cookie'], ['Vary', 'Accept', 'Vary', 'Cookie']],
    ['Allow as a set', ['Allow', 'GET, POST, HEAD'], ['Allow', 'HEAD,GET , POST']],
    [
      'directives of Cache-Control',
      ['Cache-Control', 'max-age=60, No-Cache'],
      ['Cache-Control', 'no-cache,Max-Age=60'],
    ],
    [
      'HSTS',
      ['Strict-Transport-Security', 'max-age=1; includeSubDomains'],
      ['Strict-Transport-Security', 'includesubdomains;max-age=1'],
    ],
    [
      'a policy in another order',
      ['Content-Security-Policy', "default-src 'self' b; img-src *"],
      ['Content-Security-Policy', "img-src *;default-src b 'self';"],
    ],
    ['DENY in any case', ['X-Frame-Options', 'DENY'], ['X-Frame-Options', 'deny']],
    [
      'a disposition in quotes or not',
      ['Content-Disposition', 'attachment; filename="a.pdf"'],
      ['Content-Disposition', 'Attachment;filename=a.pdf'],
    ],
    [
      'a coded file name',
      ['Content-Disposition', "attachment; filename*=utf-8''a%C3%A9"],
      ['Content-Disposition', "attachment; filename*=UTF-8''a%c3%a9"],
    ],
    [
      'CORS names',
      ['Access-Control-Allow-Headers', 'X-A, X-B'],
      ['Access-Control-Allow-Headers', 'x-b, x-a'],
    ],
    [
      'links with other spaces',
      ['Link', '<https://a/?p=1,2>; rel="next", </b>; rel=prev'],
      ['Link', '<https://a/?p=1,2>;rel="next",</b>; rel=prev'],
    ],
    ['space around', ['ETag', ' "a" '], ['ETag', '"a"']],
  ])('%s', (_, legacy, fresh) => expect(tellHeaders(legacy, fresh)).toEqual(['same']));

  test('media types by type and parameters', () => {
    const tellTypes = (legacy: string, fresh: string) =>
      tell(compareAnswers(answer({ type: legacy, body: '{}' }), answer({ type: fresh, body: '{}' })));
    expect(tellTypes('application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"')).toEqual([
      'same',
    ]);
    expect(
      tellTypes('text/plain; charset=utf-8; format=flowed', 'text/plain;format=flowed; charset=UTF-8'),
    ).toEqual(['same']);
    expect(tellTypes('application/json', 'application/json; charset=utf-8')).toEqual([
      'value header:content-type',
    ]);
    expect(tellTypes('multipart/mixed; boundary=aB', 'multipart/mixed; boundary=ab')).toEqual([
      'value header:content-type',
    ]);
  });

  test('a location at the host that was asked, absolute or as a path', () => {
    const at = (legacy: string, fresh: string, host?: string) =>
      tellHeaders(['Location', legacy], ['Location', fresh], host === undefined ? {} : { host });
    expect(at('http://acme.localhost:8080/a/?b#c', '/a/?b#c', 'acme.localhost:8080')).toEqual(['same']);
    expect(at('http://ACME.localhost:8080', '/', 'acme.localhost:8080')).toEqual(['same']);
    expect(at('http://acme.localhost:8080/a/', '/b/', 'acme.localhost:8080')).toEqual([
      'value header:location',
    ]);
    expect(at('http://acme.localhost/a/', '/a/', 'acme.localhost:8080')).toEqual(['value header:location']);
    expect(at('https://evil.example/a/', '/a/', 'acme.localhost:8080')).toEqual(['value header:location']);
    expect(at('http://acme.localhost:8080/a/', '/a/')).toEqual(['value header:location']);
    expect(at('HTTPS://A.example/x', 'https://a.example/x')).toEqual(['same']);
    expect(at('https://a.example/x', 'http://a.example/x')).toEqual(['value header:location']);
  });
});

describe('headers differ', () => {
  test.each([
    ['lacking', ['ETag', '"a"'], [], 'missing header:etag'],
    ['too many', [], ['ETag', '"a"'], 'extra header:etag'],
    ['another value', ['ETag', '"a"'], ['ETag', '"b"'], 'value header:etag'],
    ['weak for strong', ['ETag', '"a"'], ['ETag', 'W/"a"'], 'value header:etag'],
    ['a method too few', ['Allow', 'GET, POST'], ['Allow', 'GET'], 'value header:allow'],
    ['one more name in Vary', ['Vary', 'Accept'], ['Vary', 'Accept, Cookie'], 'value header:vary'],
    [
      'said twice',
      ['X-Frame-Options', 'DENY'],
      ['X-Frame-Options', 'DENY', 'X-Frame-Options', 'DENY'],
      'extra header:x-frame-options',
    ],
    [
      'said once only',
      ['WWW-Authenticate', 'Basic', 'WWW-Authenticate', 'Bearer'],
      ['WWW-Authenticate', 'Basic'],
      'missing header:www-authenticate',
    ],
    [
      'challenges in another order',
      ['WWW-Authenticate', 'Basic', 'WWW-Authenticate', 'Bearer'],
      ['WWW-Authenticate', 'Bearer', 'WWW-Authenticate', 'Basic'],
      'value header:www-authenticate',
    ],
    [
      'another file name',
      ['Content-Disposition', 'attachment; filename="a"'],
      ['Content-Disposition', 'attachment; filename="b"'],
      'value header:content-disposition',
    ],
    [
      'inline',
      ['Content-Disposition', 'attachment; filename="a"'],
      ['Content-Disposition', 'inline; filename="a"'],
      'value header:content-disposition',
    ],
    [
      'another age',
      ['Cache-Control', 'max-age=60'],
      ['Cache-Control', 'max-age=61'],
      'value header:cache-control',
    ],
    [
      'open to all',
      ['Access-Control-Allow-Origin', 'https://a'],
      ['Access-Control-Allow-Origin', '*'],
      'value header:access-control-allow-origin',
    ],
    [
      'a second earlier',
      ['Last-Modified', 'Mon, 05 Jan 2026 09:30:00 GMT'],
      ['Last-Modified', 'Mon, 05 Jan 2026 09:30:01 GMT'],
      'value header:last-modified',
    ],
    ['empty for missing', [], ['Content-Language', ''], 'extra header:content-language'],
  ])('%s', (_, legacy, fresh, told) => expect(tellHeaders(legacy, fresh)).toEqual([told]));

  test.each(
    COMPARED_HEADERS.filter(
      (name) => !name.endsWith('*') && name !== 'content-encoding' && name !== 'content-type',
    ),
  )('%s is compared', (name) => {
    expect(tellHeaders([name, 'a'], [])).toEqual([`missing header:${name}`]);
    expect(tellHeaders([name, 'a'], [name, 'b'])).toEqual([`value header:${name}`]);
  });

  test.each(NEVER_COMPARED.filter((name) => name !== 'set-cookie'))(
    '%s is never compared, even if it is named',
    (name) => {
      expect(tellHeaders([name, 'a'], [name, 'b'])).toEqual(['same']);
      expect(tellHeaders([name, 'a'], [], { rules: { headers: [name] } })).toEqual(['same']);
    },
  );

  test('others are compared only where the table names them, and then the usual ones are not', () => {
    const legacy = ['X-Total-Count', '3', 'ETag', '"a"'];
    const fresh = ['X-Total-Count', '4', 'ETag', '"b"'];
    expect(tellHeaders(legacy, fresh)).toEqual(['value header:etag']);
    expect(tellHeaders(legacy, fresh, { rules: { headers: ['x-total-count'] } })).toEqual([
      'value header:x-total-count',
    ]);
    expect(tellHeaders(legacy, fresh, { rules: { headers: ['x-*'] } })).toEqual([
      'value header:x-total-count',
    ]);
    expect(tellHeaders(legacy, fresh, { rules: { headers: [] } })).toEqual(['same']);
  });

  test('a number may be within a tolerance', () => {
    const tolerance = [{ pointer: 'header:retry-after', within: 2 }];
    expect(tellHeaders(['Retry-After', '30'], ['Retry-After', '31'], { rules: { tolerance } })).toEqual([
      'same',
    ]);
  });
});

describe('cookies', () => {
  const SESSION =
    'sessionid=abc; expires=Sun, 15 Mar 2026 12:00:00 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax';

  test.each([
    ['equal', [SESSION], [SESSION], ['same']],
    [
      'attributes in another order and case',
      [SESSION],
      [
        'sessionid=abc; path=/; samesite=lax; max-age=1209600; httponly; Expires=Sun, 15 Mar 2026 12:00:00 GMT',
      ],
      ['same'],
    ],
    ['a date with dashes', [SESSION], [SESSION.replace('15 Mar 2026', '15-Mar-2026')], ['same']],
    ['a domain with a leading dot', ['a=1; Domain=.Acme.example'], ['a=1; domain=acme.example'], ['same']],
    ['in another order', ['a=1', 'b=2'], ['b=2', 'a=1'], ['same']],
    ['lost', ['a=1', SESSION], ['a=1'], ['missing cookie:sessionid: "abc" → (absent)']],
    ['too many', [], ['a=1'], ['extra cookie:a: (absent) → "1"']],
    ['another value', ['a=1'], ['a=2'], ['value cookie:a: "1" → "2"']],
    ['quotes are part of it', ['a="1"'], ['a=1'], ['value cookie:a: "\\"1\\"" → "1"']],
    ['another path', ['a=1; Path=/'], ['a=1; Path=/api'], ['value cookie:a;path: "/" → "/api"']],
    [
      'no longer hidden from scripts',
      ['a=1; HttpOnly'],
      ['a=1'],
      ['missing cookie:a;httponly: "" → (absent)'],
    ],
    ['no longer only encrypted', ['a=1; Secure'], ['a=1'], ['missing cookie:a;secure: "" → (absent)']],
    ['another age', ['a=1; Max-Age=60'], ['a=1; Max-Age=61'], ['value cookie:a;max-age: "60" → "61"']],
    [
      'sent to others',
      ['a=1; SameSite=Lax'],
      ['a=1; SameSite=None'],
      ['value cookie:a;samesite: "Lax" → "None"'],
    ],
    [
      'a session only',
      ['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
      ['a=1'],
      ['missing cookie:a;expires: "Thu, 01 Jan 1970 00:00:00 GMT" → (absent)'],
    ],
    [
      'another date',
      ['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
      ['a=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT'],
      ['value cookie:a;expires: "Thu, 01 Jan 1970 00:00:00 GMT" → "Thu, 01 Jan 1970 00:00:01 GMT"'],
    ],
    ['set twice', ['a=1; Path=/'], ['a=1; Path=/', 'a=1; Path=/x'], ['extra cookie:a: (absent) → "1"']],
    [
      'names differ by case',
      ['a=1'],
      ['A=1'],
      ['extra cookie:A: (absent) → "1"', 'missing cookie:a: "1" → (absent)'],
    ],
    ['a name with a point', ['connect.sid=1'], ['connect.sid=2'], ['value cookie:connect.sid: "1" → "2"']],
    ['a name that is data', ['seen_0d9f8f8e6f0a4a8e=1'], [], ['missing cookie:*: "1" → (absent)']],
    ['without an equals sign', ['a'], ['a='], ['same']],
  ])('%s', (_, legacy, fresh, told) => expect(tellCookies(legacy, fresh)).toEqual(told));

  test('cookies are compared even where the table names headers', () => {
    expect(tellCookies(['a=1'], [], { rules: { headers: ['etag'] } })).toEqual([
      'missing cookie:a: "1" → (absent)',
    ]);
  });

  test('headers and cookies are told in the order of their names, whatever the order of the lines', () => {
    const legacy = answer({
      headers: ['Vary', 'A', 'Set-Cookie', 'b=1', 'ETag', '"1"', 'Set-Cookie', 'a=1'],
    });
    const told = ['missing header:etag', 'missing header:vary', 'missing cookie:a', 'missing cookie:b'];
    expect(tell(compareAnswers(legacy, answer()))).toEqual(told);
    expect(findDifferences(compareAnswers(answer(), legacy)).map(({ kind }) => kind)).toEqual(
      told.map(() => 'extra'),
    );
  });
});
