import { afterAll, describe, expect, test } from '@jest/globals';
import { type Die, openDie } from '../../../legacy-stub/seed/random.ts';
import { type Admit, createApiKey } from '../../../src/admit/index.ts';
import { keyBookOf, openRoom, stoppedClock, tenant, user } from './support.ts';
import { type Arrival, type Caller, type Failure, type HeadForm, type Identity, isFailure } from './words.ts';

// A request whose form is familiar must arrive as one that was never seen before.

const openRooms: Admit[] = [];
const open = (wish: Parameters<typeof openRoom>[0] = {}) => {
  const { admit } = openRoom(wish);
  openRooms.push(admit);
  return admit;
};
afterAll(() => {
  for (const each of openRooms) each.close();
});
const admit = open({ trustedProxies: ['127.0.0.1'] });

type Asked = Readonly<{
  form?: HeadForm | undefined;
  method?: string;
  url?: string;
  lines?: readonly string[];
  byHost?: string | undefined;
}>;

const newForm = (method = 'GET'): HeadForm => Object.freeze({ method });
const HOST = ['Host', 'acme.localhost'];

function receive(at: Admit, asked: Asked): Arrival | Failure {
  const { form, method = 'GET', url = '/', lines = HOST } = asked;
  const byHost = 'byHost' in asked ? asked.byHost : '{tenant}.localhost';
  const req = {
    ...{ form, method, url, rawHeaders: [...lines], httpVersionMajor: 1, httpVersionMinor: 1 },
    socket: { remoteAddress: '127.0.0.1' },
  };
  return at.receive(req as unknown as Parameters<Admit['receive']>[0], { byHost });
}

function arrive(asked: Asked, at = admit): Arrival {
  const arrival = receive(at, asked);
  if (isFailure(arrival)) throw new Error(`refused: ${arrival.code}`);
  return arrival;
}

function codeOf(asked: Asked): string {
  const arrival = receive(admit, asked);
  return isFailure(arrival) ? arrival.code : 'arrived';
}

/** All that two readings of the same lines must agree upon: what was made up by the gateway is left out. */
function comparable(arrival: Arrival | Failure, lines: readonly string[]) {
  if (isFailure(arrival)) return arrival;
  const { requestId, trace, form: _, ...rest } = arrival;
  const isSaid = (text: string) => lines.some((line) => line.includes(text));
  const keptTrace = isSaid(trace.traceId) ? trace.traceId : 'a new one';
  return {
    ...rest,
    requestId: isSaid(requestId) ? requestId : 'a new one',
    trace: [keptTrace, trace.flags, trace.state],
  };
}

const hex = (die: Die, length: number) =>
  Array.from({ length }, () => die.pick([...'0123456789abcdef'])).join('');

const STANDING = {
  'User-Agent': 'k6/0.49',
  Via: '1.1 edge',
  Cookie: 'sessionid=abcdefgh12345678',
  Authorization: 'Bearer byn_demo_acme',
  'X-API-Key': 'byn_demo_globex',
  'X-Forwarded-For': '203.0.113.7',
  'X-Banyan-Side': 'new',
  X_Request_Id: 'spoofed-1234',
};
const REFUSED = { Via: '1.1 banyan', Host: 'globex.localhost' };
type Line = readonly [name: string, value: string | undefined];

/** The names of one form's lines and what stands behind them; the blanks have no value yet. */
function drawLines(die: Die): readonly Line[] {
  const lines: Line[] = Object.entries(STANDING).filter(() => die.onceIn(2));
  lines.push(...Object.entries(REFUSED).filter(() => die.onceIn(16)));
  lines.splice(die.between(0, lines.length), 0, ['Host', die.pick(['acme.localhost', 'x.example:80'])]);
  for (const name of ['traceparent', 'TraceState', 'tracestate', 'X-Request-Id', 'x-request-id'])
    if (die.onceIn(2)) lines.splice(die.between(0, lines.length), 0, [name, undefined]);
  return lines;
}

function drawBlank(name: string, die: Die): string {
  if (die.onceIn(8)) return die.pick(['', 'odd', '!!!', 'a b', '00-0-0']);
  if (/^traceparent$/i.test(name)) return `00-${hex(die, 32)}-${hex(die, 16)}-0${die.between(0, 3)}`;
  return /^tracestate$/i.test(name) ? `v${hex(die, 2)}=${hex(die, 4)}` : `request-${hex(die, 12)}`;
}

const URLS = ['/', '/api/notes/?page=2', '/a/b', '/a//b', '/a/../b', '/.banyan/x', '/a#b', '/%41', '/%C3%A9'];

test('requests of 400 forms arrive, or are refused, as they would without a form', () => {
  const die = openDie('requests of one form');
  const forms = Array.from({ length: 400 }, () => ({ form: newForm(), lines: drawLines(die) }));
  const ids = new Set<string>();
  const spans = new Set<string>();
  let arrived = 0;

  for (let round = 0; round < 5; round += 1) {
    for (const { form, lines: template } of forms) {
      const lines = template.flatMap(([name, value]) => [name, value ?? drawBlank(name, die)]);
      const asked = { url: die.pick(URLS), lines, byHost: die.pick(['{tenant}.localhost', undefined]) };

      const arrival = receive(admit, { ...asked, form });

      const expected = comparable(receive(admit, asked), lines);
      expect({ lines, arrival: comparable(arrival, lines) }).toEqual({ lines, arrival: expected });
      if (isFailure(arrival)) continue;
      arrived += 1;
      ids.add(arrival.requestId);
      spans.add(arrival.trace.spanId);
      expect(arrival.form).toBe(form);
    }
  }

  expect(arrived).toBeGreaterThan(700);
  expect([ids.size, spans.size]).toEqual([arrived, arrived]);
});

describe('requests of one form', () => {
  const TRACES = ['1', '2', '3'].map((digit) => digit.repeat(32));
  const linesOf = (traceId: string, nr: number) => [
    ...['x-request-id', `request-number-${nr}`, ...HOST, 'traceparent', `00-${traceId}-${'4'.repeat(16)}-01`],
    ...['X-Note', 'kept', 'tracestate', `nr=${nr}`, 'X-API-Key', 'byn_demo_acme'],
  ];

  test('have each their own id, trace and path, and all else in common', () => {
    const form = newForm();

    const arrivals = TRACES.map((traceId, nr) =>
      arrive({ form, url: `/notes/${nr}?q=${nr}`, lines: linesOf(traceId, nr) }),
    );

    for (const [nr, arrival] of arrivals.entries()) {
      expect(arrival).toMatchObject({
        requestId: `request-number-${nr}`,
        trace: { traceId: TRACES[nr], state: `nr=${nr}`, flags: '01' },
        path: `/notes/${nr}`,
        target: `/notes/${nr}?q=${nr}`,
        headers: ['X-Note', 'kept', 'Via', '1.1 banyan'],
        credentials: [{ kind: 'api_key', secret: 'byn_demo_acme' }],
      });
    }
  });

  test('have each a new id and a new trace where they bring none', () => {
    const form = newForm();

    const arrivals = Array.from({ length: 50 }, () => arrive({ form }));

    expect(new Set(arrivals.map(({ requestId }) => requestId)).size).toBe(50);
    expect(new Set(arrivals.map(({ trace }) => trace.traceId)).size).toBe(50);
  });

  test.each([
    ['/a//b', 'path_ambiguous'],
    ['/a/../b', 'path_ambiguous'],
    ['/%2e', 'path_ambiguous'],
    ['/.banyan/healthz', 'path_reserved'],
    [`/${'a'.repeat(16 * 1024)}`, 'target_too_long'],
    ['http://globex.localhost/', 'request_malformed'],
  ])('are refused for a bad target, %.20s, first or later, and no other is', (url, code) => {
    const form = newForm();

    const codes = [url, '/a', url, '/b', url].map((each) => codeOf({ form, url: each }));

    expect(codes).toEqual([code, 'arrived', code, 'arrived', code]);
  });

  test('belong to the tenant whom the rules of their own time name', () => {
    const form = newForm();

    const tenants = ['{tenant}.localhost', undefined, 'acme.{tenant}', '{tenant}.localhost'].map(
      (byHost) => arrive({ form, byHost }).hostTenant as string | undefined,
    );

    expect(tenants).toEqual(['acme', undefined, 'localhost', 'acme']);
  });
});

test('requests of two forms share nothing', () => {
  const acme = { form: newForm(), lines: [...HOST, 'X-API-Key', 'byn_demo_acme', 'X-Note', 'a'] };
  const globex = { form: newForm(), lines: ['Host', 'x.localhost', 'X-API-Key', 'byn_demo_globex'] };
  const head = { form: newForm('HEAD'), method: 'HEAD', lines: acme.lines };

  for (let round = 0; round < 3; round += 1) {
    const [ofAcme, ofGlobex, ofHead] = [arrive(acme), arrive(globex), arrive(head)];

    expect(ofAcme).toMatchObject({ method: 'GET', host: 'acme.localhost', hostTenant: 'acme' });
    expect(ofAcme.headers).toEqual(['X-Note', 'a', 'Via', '1.1 banyan']);
    expect(ofGlobex).toMatchObject({ method: 'GET', host: 'x.localhost', hostTenant: 'x' });
    expect(ofGlobex.headers).toEqual(['Via', '1.1 banyan']);
    expect([ofAcme, ofGlobex].map(({ credentials: [shown] }) => shown?.secret)).toEqual([
      'byn_demo_acme',
      'byn_demo_globex',
    ]);
    expect(ofHead.method).toBe('HEAD');
    expect(ofHead.headers).not.toBe(ofAcme.headers);
    expect(ofHead.credentials[0]).not.toBe(ofAcme.credentials[0]);
  }
});

describe('a key that is shown again in a familiar form', () => {
  const make = (name: string, expiresAt?: Date) =>
    createApiKey({
      ...{ env: 'live', tenant: tenant(name), user: user(3), scopes: ['read'], label: 'ci', expiresAt },
    });
  const openFor = async (at: Admit, key: string, form: HeadForm | undefined) => {
    const lines = ['Host', 'localhost', 'Authorization', `Bearer ${key}`];
    const caller = await at.identify(arrive({ form, lines }, at), 'required');
    if (isFailure(caller)) return caller.code;
    return caller.kind === 'known' ? (caller.tenant as string) : caller.kind;
  };

  test('is refused within two seconds of its revocation, as without a form, and no other key is', async () => {
    const [lost, kept] = [make('acme'), make('globex')];
    const keys = keyBookOf(lost.record, kept.record);
    const [at, forms] = [open({ keys }), [newForm(), newForm()]];
    const ask = async () => [
      await openFor(at, lost.key, forms[0]),
      await openFor(at, lost.key, undefined),
      await openFor(at, kept.key, forms[1]),
    ];
    expect([await ask(), await ask()]).toEqual(new Array(2).fill(['acme', 'acme', 'globex']));

    await keys.revoke(lost.record.id, new Date());
    await new Promise((resolve) => setTimeout(resolve, 2_000));

    const after = ['credential_revoked', 'credential_revoked', 'globex'];
    expect([await ask(), await ask()]).toEqual([after, after]);
  });

  test('is never believed past its end', async () => {
    const clock = stoppedClock(Date.now());
    const { key, record } = make('acme', new Date(clock.wallMs() + 10_000));
    const [at, form] = [open({ keys: keyBookOf(record), clock }), newForm()];

    expect([await openFor(at, key, form), await openFor(at, key, form)]).toEqual(['acme', 'acme']);
    clock.pass(10_000);
    expect(await openFor(at, key, form)).toBe('credential_expired');
  });
});

describe('what is said of a caller in a familiar form', () => {
  const known = (name: string): Caller => ({
    ...{ kind: 'known', tenant: tenant(name), user: user(3), scopes: [], by: 'api_key' },
    credentialId: 'byn_live_12345678',
  });
  const [ada, bob] = [known('acme'), known('globex')];
  const nobody = (name?: string): Caller => ({
    kind: 'anonymous',
    tenant: name === undefined ? name : tenant(name),
  });
  const said = ({ ofRequest, standing }: Identity) => {
    const lines = [...ofRequest, ...standing];
    return Object.fromEntries(lines.flatMap((name, i) => (i % 2 === 0 ? [[name, lines[i + 1]]] : [])));
  };

  test.each(['caller', 'request'] as const)(
    'is each caller’s own, whoever came before on the same connection (a tag for each %s)',
    (tagBinding) => {
      const at = open({ tagBinding });
      const form = newForm();
      for (const caller of [ada, bob, ada, nobody('acme'), known('acme'), nobody(), nobody('globex'), bob]) {
        const { tenant: name } = caller;
        const identity = at.identity(arrive({ form }, at), caller, 'legacy');
        const { 'X-Identity-Tag': tag = '', ...rest } = said(identity);
        const claims = JSON.parse(Buffer.from(tag.split('.')[1] ?? '', 'base64url').toString());

        expect([rest['X-Tenant-Id'], claims.tenant]).toEqual([name, name]);
        const { 'X-Identity-Tag': _, ...anew } = said(at.identity(arrive({}, at), caller, 'legacy'));
        expect(Object.keys(rest)).toEqual(Object.keys(anew));
        expect(rest['X-Forwarded-For']).toBe(anew['X-Forwarded-For']);
      }
    },
  );

  test('is the same list for as long as caller, tag and side are the same, and no longer', () => {
    const clock = stoppedClock(Date.now());
    const at = open({ tagBinding: 'caller', clock });
    const form = newForm();
    const ask = (caller: Caller, side: 'legacy' | 'new' = 'legacy') =>
      at.identity(arrive({ form }, at), caller, side).standing;
    const first = ask(ada);

    expect(ask(ada)).toBe(first);
    expect(ask(nobody('acme'))).toBe(ask(nobody('acme')));
    expect(said({ ofRequest: [], standing: ask(ada, 'new') })).not.toEqual(
      said({ ofRequest: [], standing: first }),
    );
    expect(said({ ofRequest: [], standing: ask(ada) })).toEqual(said({ ofRequest: [], standing: first }));
    clock.pass(10_001);
    expect(said({ ofRequest: [], standing: ask(ada) })['X-Identity-Tag']).not.toBe(
      said({ ofRequest: [], standing: first })['X-Identity-Tag'],
    );
  });

  test('holds nothing of the request: id, trace and state are each one’s own', () => {
    const form = newForm();
    const ids = ['first-request', 'second-request'].map((id) => {
      const lines = [...HOST, 'X-Request-Id', id, 'traceparent', `00-${hexOf(id)}-b7ad6b7169203331-01`];
      const arrival = arrive({ form, lines });
      const { 'X-Request-Id': told, traceparent } = said(admit.identity(arrival, ada, 'legacy'));
      expect(traceparent).toBe(`00-${hexOf(id)}-${arrival.trace.spanId}-01`);
      return told;
    });

    expect(ids).toEqual(['first-request', 'second-request']);
  });
  const hexOf = (text: string) => Buffer.from(text).toString('hex').padEnd(32, '0').slice(0, 32);
});
