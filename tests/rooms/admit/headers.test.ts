import { afterAll, describe, expect, test } from '@jest/globals';
import { wantsWebSocket } from '../../../src/admit/index.ts';
import { listIdentity } from '../../support/identity.ts';
import { arriveAt, openRoom, outcomeOf, receiveAt, sendRaw, startDoor, withHeaders } from './support.ts';
import { type Caller, isFailure } from './words.ts';

const { admit } = openRoom({ trustedProxies: ['10.0.0.0/8', '::1'] });
afterAll(() => admit.close());

const ANONYMOUS: Caller = { kind: 'anonymous', tenant: undefined };
const passed = (...lines: string[]) =>
  arriveAt(admit, { headers: withHeaders(...lines) }).headers.slice(0, -2);

describe('a claimed identity never arrives', () => {
  const NAMES = [
    'X-Tenant-Id',
    'X-User-Id',
    'X-Identity-Tag',
    'X-Request-Id',
    'traceparent',
    'tracestate',
    'X-Banyan-Side',
    'X-Served-By',
    'X-Banyan-Anything',
  ];
  const spell = (name: string) => [
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replaceAll('-', '.'),
    name.replace('-', '_'),
    `${name}_`,
    `_${name}`,
    name.replace('-', '~'),
  ];

  test.each(NAMES.flatMap(spell).map((name) => [name]))('%s', (name) => {
    expect(passed(name, 'globex', 'X-Note', 'kept')).toEqual(['X-Note', 'kept']);
  });

  test.each(NAMES.map((name) => [name]))('%s, repeated', (name) => {
    expect(passed(name, 'globex', name.toLowerCase(), 'acme')).toEqual([]);
  });

  test.each(NAMES.map((name) => [name]))('%s, listed in Connection', (name) => {
    expect(passed('Connection', `close, ${name}`, name, 'globex')).toEqual([]);
  });

  test('and each is sent exactly once to the sides, as the gateway knows it', () => {
    const arrival = arriveAt(admit, { headers: withHeaders(...NAMES.flatMap((name) => [name, 'globex'])) });

    const lines = [...arrival.headers, ...listIdentity(admit.identity(arrival, ANONYMOUS, 'legacy'))];
    const names = lines.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());

    expect(names.filter((name) => name === 'x-identity-tag')).toHaveLength(1);
    expect(names.filter((name) => name === 'x-request-id')).toHaveLength(1);
    expect(names.filter((name) => name === 'traceparent')).toHaveLength(1);
    expect(names).not.toContain('x-tenant-id');
    expect(names).not.toContain('x-user-id');
    expect(lines).not.toContain('globex');
  });
});

describe('what belongs to one hop only stays there', () => {
  test.each([
    ['Connection', 'close'],
    ['Keep-Alive', 'timeout=5'],
    ['Proxy-Connection', 'keep-alive'],
    ['Proxy-Authorization', 'Basic eDp5'],
    ['TE', 'trailers'],
    ['Trailer', 'X-Tenant-Id'],
    ['Transfer-Encoding', 'chunked'],
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
    ['Expect', '100-continue'],
    ['Proxy', 'http://evil.example'],
  ])('%s', (name, value) => {
    expect(passed(name, value, 'Accept', '*/*')).toEqual(['Accept', '*/*']);
  });

  test('and so does what Connection names', () => {
    expect(passed('Connection', 'X-One, x-two', 'X-One', '1', 'X-Two', '2', 'X-Three', '3')).toEqual([
      'X-Three',
      '3',
    ]);
  });

  test('but never the length, the host or our own marks', () => {
    const arrival = arriveAt(admit, {
      method: 'POST',
      headers: withHeaders(
        'Connection',
        'Content-Length, Host, Via, X-Identity-Tag',
        'Content-Length',
        '2',
        'Via',
        '1.1 edge',
      ),
    });

    expect(arrival.host).toBe('acme.localhost');
    expect(arrival.headers).toEqual(['Content-Length', '2', 'Via', '1.1 edge', 'Via', '1.1 banyan']);
  });
});

describe('where a request came from is said by the gateway', () => {
  const origin = (peer: string, ...lines: string[]) => {
    const arrival = arriveAt(admit, { peer, headers: withHeaders(...lines) });
    const identity = listIdentity(admit.identity(arrival, ANONYMOUS, 'new'));
    const of = (name: string) => identity[identity.indexOf(name) + 1];
    return [of('X-Forwarded-For'), of('X-Forwarded-Proto'), of('X-Forwarded-Host')];
  };

  test.each([
    ['Forwarded', 'for=1.2.3.4'],
    ['X-Forwarded-For', '1.2.3.4'],
    ['x-forwarded-host', 'globex.localhost'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Port', '443'],
    ['X-Forwarded-Prefix', '/admin'],
    ['X_Forwarded_For', '1.2.3.4'],
    ['X-Real-IP', '1.2.3.4'],
    ['X-Original-URL', '/admin'],
    ['X-Rewrite-URL', '/admin'],
    ['X-Original-Host', 'globex.localhost'],
  ])('%s from a stranger counts for nothing', (name, value) => {
    expect(passed(name, value)).toEqual([]);
    expect(origin('203.0.113.9', name, value)).toEqual(['203.0.113.9', 'http', 'acme.localhost']);
  });

  test('a listed proxy is believed about its client and about TLS', () => {
    expect(origin('10.1.2.3', 'X-Forwarded-For', '203.0.113.9', 'X-Forwarded-Proto', 'https')).toEqual([
      '203.0.113.9',
      'https',
      'acme.localhost',
    ]);
  });

  test('of a chain only what listed proxies say is believed, read from the right', () => {
    expect(
      origin('::ffff:10.1.2.3', 'X-Forwarded-For', '6.6.6.6, 203.0.113.9', 'X-Forwarded-For', '10.9.9.9')[0],
    ).toBe('203.0.113.9');
    expect(origin('10.1.2.3', 'X-Forwarded-For', 'nonsense')[0]).toBe('10.1.2.3');
    expect(origin('10.1.2.3', 'X-Forwarded-Proto', 'javascript')[1]).toBe('http');
  });

  test.each([['10.0.0'], ['10.0.0.0/33'], ['example.com'], ['10.0.0.0/8/8'], ['']])(
    'the list of proxies cannot hold %p',
    (entry) => {
      expect(() => openRoom({ trustedProxies: [entry] })).toThrow(/write it as 10\.0\.0\.7/);
    },
  );
});

describe('the host', () => {
  test.each([
    ['two of them', ['Host', 'acme.localhost', 'Host', 'globex.localhost']],
    ['two equal ones', ['Host', 'acme.localhost', 'host', 'acme.localhost']],
    ['none', []],
    ['an empty one', ['Host', '']],
    ['a path behind it', ['Host', 'acme.localhost/a']],
    ['a user before it', ['Host', 'x@acme.localhost']],
    ['a list', ['Host', 'acme.localhost, globex.localhost']],
    ['a space', ['Host', 'acme localhost']],
    ['an underscore', ['Host', 'acme_x.localhost']],
    ['two dots', ['Host', 'acme..localhost']],
    ['a port that is none', ['Host', 'acme.localhost:http']],
    ['a port out of range', ['Host', 'acme.localhost:65536']],
    ['another script', ['Host', 'acm\u00e9.localhost']],
    ['an escape', ['Host', 'acme%2elocalhost']],
    ['half an IPv6 address', ['Host', '[::1']],
  ])('%s is refused', (_name, headers) => {
    expect(outcomeOf(admit, { headers })).toBe('request_malformed');
  });

  test('an HTTP/1.0 request needs none', () => {
    expect(arriveAt(admit, { version: '1.0', headers: [] }).host).toBe('');
  });

  test('two of them on the wire do not arrive either, though Node would keep the first', async () => {
    const door = await startDoor(admit);

    const answer = await sendRaw(
      door.port,
      'GET / HTTP/1.1\r\nHost: acme.localhost\r\nHost: globex.localhost\r\n\r\n',
    );
    await door.stop();

    expect(answer).toContain('request_malformed');
    expect(door.seen()).toBe(0);
  });

  test.each([
    ['acme.localhost', 'acme'],
    ['acme.localhost:8080', 'acme'],
    ['ACME.LocalHost:8080', 'acme'],
    ['acme.localhost.', 'acme'],
    ['tenant-005.localhost', 'tenant-005'],
    ['localhost', undefined],
    ['.localhost', 'refused'],
    ['a.b.localhost', undefined],
    ['-acme.localhost', undefined],
    ['acme.localhost.evil.example', undefined],
    ['evilacme-localhost', undefined],
    ['127.0.0.1:8080', undefined],
    ['[::1]:8080', undefined],
  ])('%s names the tenant %s', (host, named) => {
    const arrival = receiveAt(admit, { headers: ['Host', host] });

    expect(isFailure(arrival) ? 'refused' : arrival.hostTenant).toBe(named);
  });

  test.each([
    ['app-{tenant}.example.com', 'app-acme.example.com:443', 'acme'],
    ['app-{tenant}.example.com', 'app-.example.com', undefined],
    ['{tenant}', 'acme', 'acme'],
    ['no-placeholder.example', 'no-placeholder.example', undefined],
    [undefined, 'acme.localhost', undefined],
  ])('by the pattern %s, %s names %s', (byHost, host, named) => {
    const raw = {
      method: 'GET',
      url: '/',
      rawHeaders: ['Host', host],
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      socket: {},
    };
    const arrival = admit.receive(raw as unknown as Parameters<typeof admit.receive>[0], { byHost });

    expect(isFailure(arrival) ? arrival.code : arrival.hostTenant).toBe(named);
  });
});

describe('hops', () => {
  test.each([['1.1 banyan'], ['1.1 edge, 1.1 Banyan'], ['HTTP/1.1 banyan (gateway)'], ['1.0 a,1.1\tbanyan']])(
    'a request with Via "%s" has been here before',
    (via) => {
      expect(outcomeOf(admit, { headers: withHeaders('Via', via) })).toBe('loop_detected');
    },
  );

  test('other gateways are no loop, and ours is added behind them with the version that was spoken', () => {
    expect(
      arriveAt(admit, { headers: withHeaders('Via', '1.1 banyan.example, 1.1 edge (banyan)') }).headers,
    ).toEqual(['Via', '1.1 banyan.example, 1.1 edge (banyan)', 'Via', '1.1 banyan']);
    expect(arriveAt(admit, { version: '1.0', headers: [] }).headers).toEqual(['Via', '1.0 banyan']);
  });

  test('Max-Forwards counts down for OPTIONS and for nothing else', () => {
    const headers = withHeaders('Max-Forwards', '3');

    expect(arriveAt(admit, { method: 'OPTIONS', headers }).headers.slice(0, 2)).toEqual([
      'Max-Forwards',
      '2',
    ]);
    expect(arriveAt(admit, { method: 'GET', headers }).headers.slice(0, 2)).toEqual(['Max-Forwards', '3']);
    expect(outcomeOf(admit, { method: 'OPTIONS', headers: withHeaders('Max-Forwards', '0') })).toBe(
      'method_refused',
    );
    expect(outcomeOf(admit, { method: 'OPTIONS', headers: withHeaders('Max-Forwards', '-1') })).toBe(
      'request_malformed',
    );
  });
});

describe('an upgrade', () => {
  const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
  const asks = (
    change: Record<string, string | undefined> = {},
    method = 'GET',
    version: '1.0' | '1.1' = '1.1',
  ) => {
    const fields = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': KEY,
      'Sec-WebSocket-Version': '13',
      ...change,
    };
    const lines = Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [name, value],
    );
    return arriveAt(admit, { method, version, headers: withHeaders(...lines) });
  };

  test('to WebSocket is seen, and its handshake goes on without the hop’s own headers', () => {
    const { upgrade, headers } = asks({ Connection: 'keep-alive, UPGRADE', Upgrade: 'WebSocket' });

    expect(upgrade).toBe(true);
    expect(headers).toEqual(['Sec-WebSocket-Key', KEY, 'Sec-WebSocket-Version', '13', 'Via', '1.1 banyan']);
  });

  test.each([
    ['to h2c', { Upgrade: 'h2c' }],
    ['to two protocols', { Upgrade: 'websocket, h2c' }],
    ['without Connection', { Connection: 'keep-alive' }],
    ['without a key', { 'Sec-WebSocket-Key': undefined }],
    ['with a short key', { 'Sec-WebSocket-Key': 'YQ==' }],
    ['of another version', { 'Sec-WebSocket-Version': '8' }],
    ['with a body', { 'Content-Length': '5' }],
  ])('%s is stripped, and the request goes on without it', (_name, change) => {
    const { upgrade, headers } = asks(change);

    expect(upgrade).toBe(false);
    expect(headers).not.toContain('Upgrade');
  });

  test('by another method or in HTTP/1.0 is none', () => {
    expect(asks({}, 'POST').upgrade).toBe(false);
    expect(asks({}, 'GET', '1.0').upgrade).toBe(false);
  });

  test('can be told before Node gives up its parser', () => {
    const raw = (upgrade: string) => ({
      method: 'GET',
      rawHeaders: [
        'Connection',
        'Upgrade',
        'Upgrade',
        upgrade,
        'Sec-WebSocket-Key',
        KEY,
        'Sec-WebSocket-Version',
        '13',
      ],
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      socket: {},
    });

    expect(wantsWebSocket(raw('websocket'))).toBe(true);
    expect(wantsWebSocket(raw('h2c'))).toBe(false);
  });
});

describe('credentials', () => {
  const credentials = (...lines: string[]) => arriveAt(admit, { headers: withHeaders(...lines) }).credentials;

  test('are collected in the order in which they count', () => {
    expect(
      credentials(
        'Cookie',
        'a=b; sessionid=abcdefgh12345678',
        'X-API-Key',
        'byn_demo_acme',
        'authorization',
        'bearer  a.b.c',
      ),
    ).toEqual([
      { kind: 'bearer', secret: 'a.b.c' },
      { kind: 'api_key', secret: 'byn_demo_acme' },
      { kind: 'session', secret: 'abcdefgh12345678' },
    ]);
  });

  test('are never read from the URL', () => {
    const arrival = arriveAt(admit, {
      url: '/a?access_token=byn_demo_acme&api_key=byn_demo_acme&sessionid=abcdefgh12345678',
    });

    expect(arrival.credentials).toEqual([]);
  });

  test.each([['Basic YTpi'], ['Token abc'], ['Digest username="x"'], ['Bearerx abc']])(
    '%s is legacy’s own business',
    (value) => {
      expect(credentials('Authorization', value)).toEqual([]);
      expect(passed('Authorization', value)).toEqual(['Authorization', value]);
    },
  );

  test('in two different values of one header are refused', () => {
    expect(
      outcomeOf(admit, { headers: withHeaders('Authorization', 'Bearer a', 'Authorization', 'Bearer b') }),
    ).toBe('credential_invalid');
    expect(
      outcomeOf(admit, { headers: withHeaders('Authorization', 'Bearer a', 'authorization', 'Basic b') }),
    ).toBe('credential_invalid');
    expect(outcomeOf(admit, { headers: withHeaders('X-API-Key', 'a', 'X-Api-Key', 'b') })).toBe(
      'credential_invalid',
    );
    expect(credentials('Authorization', 'Bearer a', 'Authorization', 'Bearer a')).toEqual([
      { kind: 'bearer', secret: 'a' },
    ]);
  });

  test.each([
    ['two different sessions', 'sessionid=abcdefgh12345678; sessionid=hgfedcba87654321'],
    ['a session that is no key', 'sessionid=<script>'],
    ['a session that is too short', 'sessionid=abc'],
    ['a deleted session', 'sessionid=""'],
    [
      'another cookie of a similar name',
      'xsessionid=abcdefgh12345678; sessionid2=abcdefgh12345678; SESSIONID=abcdefgh12345678',
    ],
  ])('%s is no session', (_name, cookie) => {
    expect(credentials('Cookie', cookie)).toEqual([]);
  });

  test.each([
    ['the same session twice', 'sessionid=abcdefgh12345678; sessionid=abcdefgh12345678'],
    ['a quoted one', 'sessionid="abcdefgh12345678"'],
    ['one behind rubbish', 'nonsense; =; sessionid=%; sessionid=abcdefgh12345678'],
  ])('%s is one session', (_name, cookie) => {
    expect(credentials('Cookie', cookie)).toEqual([{ kind: 'session', secret: 'abcdefgh12345678' }]);
  });

  test('of ours end at the gateway; cookies and legacy’s own tokens go on', () => {
    expect(passed('Authorization', 'Bearer byn_demo_acme', 'X-API-Key', 'byn_demo_acme')).toEqual([]);
    expect(
      passed('Authorization', 'Bearer a.b.c', 'X-API-Key', 'theirs', 'Cookie', 'sessionid=abcdefgh12345678'),
    ).toEqual([
      'Authorization',
      'Bearer a.b.c',
      'X-API-Key',
      'theirs',
      'Cookie',
      'sessionid=abcdefgh12345678',
    ]);
  });
});

describe('the wish for a side', () => {
  test.each([
    [['new'], 'new'],
    [['legacy'], 'legacy'],
    [['New'], undefined],
    [['both'], undefined],
    [['new', 'legacy'], undefined],
  ])('%p asks for %s', (values, wish) => {
    const lines = values.flatMap((value) => ['X-Banyan-Side', value]);

    expect(arriveAt(admit, { headers: withHeaders(...lines) }).wish).toBe(wish);
  });
});

test('everything else goes on as it came: order, case, repetition, bytes', () => {
  const lines = ['accept', 'a', 'Accept', 'b', 'Cookie', 'a=\u00e9', 'User-Agent', '', 'X-Note', 'a,  b'];

  expect(passed(...lines)).toEqual(lines);
});
