import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Admit, AdmitWish, SessionQuestion } from '../../../src/admit/index.ts';
import { arriveAt, openRoom, sessionBookOf, stoppedClock, tenant, user } from './support.ts';
import { type AdmitPolicy, type Caller, type Failure, fail, isFailure, type SessionRecord } from './words.ts';

const open: Admit[] = [];
afterEach(() => {
  for (const admit of open.splice(0)) admit.close();
});

const KEY = 'abcdefgh12345678abcdefgh12345678';
const HOST = 'acme.localhost:8080';
const hash = (key: string) => createHash('sha256').update(key).digest('hex');
const record = (id = 3, lifeMs = 3_600_000): SessionRecord => ({
  user: user(id),
  expiresAt: new Date(Date.now() + lifeMs),
});

function room(wish: Partial<AdmitWish>) {
  const opened = openRoom(wish);
  open.push(opened.admit);
  return opened;
}

const visit = (admit: Admit, key = KEY, host = HOST) =>
  arriveAt(admit, { headers: ['Host', host, 'Cookie', `sessionid=${key}`] });
const asked = (admit: Admit, key = KEY, policy: AdmitPolicy = 'required', host = HOST) =>
  admit.identify(visit(admit, key, host), policy);
const said = (caller: Caller | Failure) => (isFailure(caller) ? caller.code : caller.kind);
const answer = async (...args: Parameters<typeof asked>) => said(await asked(...args));
const settle = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms));

/** Legacy's sessions, and what it was asked. */
function legacyWith(live: Record<string, SessionRecord>) {
  const questions: SessionQuestion[] = [];
  return {
    questions,
    live,
    ask: async (question: SessionQuestion) => {
      questions.push(question);
      return live[`${question.tenant}/${question.sessionKey}`];
    },
  };
}

describe('a session', () => {
  test('begun on the new side is known without asking legacy', async () => {
    const legacy = legacyWith({});
    const { admit } = room({
      sessions: sessionBookOf({ [`acme/${KEY}`]: record() }, hash),
      askLegacySession: legacy.ask,
    });

    expect(await asked(admit)).toEqual({
      kind: 'known',
      tenant: 'acme',
      user: 3,
      scopes: ['read', 'write'],
      by: 'session',
      credentialId: `session_${hash(KEY).slice(0, 12)}`,
    });
    expect(legacy.questions).toEqual([]);
  });

  test('begun on legacy is asked for there once, with a tag of the gateway’s own, and answered at once from then on', async () => {
    const legacy = legacyWith({ [`acme/${KEY}`]: record(4) });
    const { admit } = room({ sessions: sessionBookOf({}, hash), askLegacySession: legacy.ask });

    const answers = await Promise.all(Array.from({ length: 50 }, () => answer(admit)));

    expect(new Set(answers)).toEqual(new Set(['known']));
    expect(legacy.questions).toHaveLength(1);
    const [question] = legacy.questions;
    const claims = JSON.parse(Buffer.from(question?.tag.split('.')[1] ?? '', 'base64url').toString());
    expect(question).toMatchObject({ tenant: 'acme', host: HOST, sessionKey: KEY });
    expect(question?.headers).toEqual(expect.arrayContaining(['X-Identity-Tag', question?.tag]));
    expect(claims).toMatchObject({
      aud: 'legacy',
      sub: 'anonymous',
      tenant: 'acme',
      scope: 'banyan.session',
      htm: 'POST',
      htp: createHash('sha256').update('/.banyan/session/').digest('base64url'),
    });
    expect(asked(admit)).not.toBeInstanceOf(Promise);
  });

  test('is believed for a minute, never past its end', async () => {
    const clock = stoppedClock(Date.now());
    const legacy = legacyWith({
      [`acme/${KEY}`]: { user: user(3), expiresAt: new Date(clock.wallMs() + 90_000) },
    });
    const { admit } = room({ askLegacySession: legacy.ask, clock });

    await answer(admit);
    clock.pass(59_999);
    expect(asked(admit)).not.toBeInstanceOf(Promise);
    clock.pass(1);
    expect(await answer(admit)).toBe('known');
    expect(legacy.questions).toHaveLength(2);
    clock.pass(30_000);
    expect(await answer(admit)).toBe('credential_missing');
  });

  test('belongs to the tenant of the host, and to no other', async () => {
    const legacy = legacyWith({ [`acme/${KEY}`]: record() });
    const { admit } = room({ askLegacySession: legacy.ask });

    expect(await answer(admit)).toBe('known');
    expect(await answer(admit, KEY, 'required', 'globex.localhost')).toBe('credential_missing');
    expect(await answer(admit, KEY, 'required', 'localhost')).toBe('credential_missing');
    expect(legacy.questions.map(({ tenant: of }) => of)).toEqual(['acme', 'globex']);
  });

  test('that nobody knows counts as none, and is not asked for by every request', async () => {
    const clock = stoppedClock();
    const legacy = legacyWith({});
    const { admit } = room({ sessions: sessionBookOf({}, hash), askLegacySession: legacy.ask, clock });

    expect(await answer(admit, KEY, 'required')).toBe('credential_missing');
    expect(await answer(admit, KEY, 'optional')).toBe('anonymous');
    expect(await answer(admit, KEY, 'public')).toBe('anonymous');
    expect(legacy.questions).toHaveLength(1);

    clock.pass(1_000);
    await answer(admit);
    expect(legacy.questions).toHaveLength(2);
  });

  test('begun a moment ago works at once, though another key was unknown before', async () => {
    const live: Record<string, SessionRecord> = {};
    const { admit } = room({ sessions: sessionBookOf(live, hash) });
    await answer(admit);

    live[`acme/${KEY.replace('a', 'b')}`] = record();

    expect(await answer(admit, KEY.replace('a', 'b'))).toBe('known');
  });
});

describe('an ended session', () => {
  test('is dead here at once and elsewhere within two seconds, on whichever side it began', async () => {
    const legacy = legacyWith({ [`acme/${KEY}`]: record() });
    const sessions = sessionBookOf({}, hash);
    const here = room({ sessions, askLegacySession: legacy.ask });
    const there = room({ sessions, askLegacySession: legacy.ask });
    const caller = await asked(here.admit);
    await answer(there.admit);
    if (isFailure(caller)) throw new Error(caller.code);

    const ended = here.admit.endSession(visit(here.admit), caller);
    expect(await answer(here.admit)).toBe('credential_missing');
    await ended;
    await settle(2_000);

    expect(await answer(there.admit)).toBe('credential_missing');
    expect(here.events).toEqual([{ type: 'session_ended', tenant: 'acme', user: 3 }]);
  });

  test('stays dead after a restart', async () => {
    const sessions = sessionBookOf({ [`acme/${KEY}`]: record() }, hash);
    await sessions.end(tenant('acme'), KEY);

    expect(await answer(room({ sessions }).admit)).toBe('credential_missing');
  });

  test('is dead even for a question that was asked before it ended', async () => {
    const slow = Promise.withResolvers<SessionRecord>();
    const { admit } = room({ askLegacySession: () => slow.promise });
    const waiting = answer(admit);
    await settle();

    await admit.endSession(visit(admit), { kind: 'anonymous', tenant: tenant('acme') });
    slow.resolve(record());

    expect(await waiting).toBe('credential_missing');
    expect(await answer(admit)).toBe('credential_missing');
  });
});

describe('an answer that sets cookies', () => {
  const live = async () => {
    const sessions = sessionBookOf({ [`acme/${KEY}`]: record() }, hash);
    const opened = room({ sessions });
    const caller = await asked(opened.admit);
    if (isFailure(caller)) throw new Error(caller.code);
    return { ...opened, sessions, caller };
  };

  test.each([
    [
      'deletes it, as Django does',
      [`sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax`],
    ],
    ['deletes it without quotes', ['sessionid=; Max-Age=0; Path=/']],
    ['replaces it', ['csrftoken=x; Path=/', 'sessionid=hgfedcba87654321hgfedcba87654321; HttpOnly; Path=/']],
  ])('ends the session where it %s', async (_name, cookies) => {
    const { admit, caller, sessions, events } = await live();

    admit.noteCookies(visit(admit), caller, cookies);

    expect(await answer(admit)).toBe('credential_missing');
    await settle();
    expect(sessions.graves.has(hash(KEY))).toBe(true);
    expect(events.map(({ type }) => type)).toEqual(['session_ended']);
  });

  test.each([
    ['renews it', [`sessionid=${KEY}; Max-Age=1209600; Path=/`]],
    ['sets others', ['csrftoken=x; Path=/', 'xsessionid=; Max-Age=0', 'a="sessionid=";']],
    ['sets none', []],
  ])('leaves it alone where it %s', async (_name, cookies) => {
    const { admit, caller, sessions } = await live();

    admit.noteCookies(visit(admit), caller, cookies);
    await settle();

    expect(await answer(admit)).toBe('known');
    expect(sessions.graves.size).toBe(0);
  });

  test('digs no grave for a stale cookie, of which strangers can send any number', async () => {
    const sessions = sessionBookOf({}, hash);
    const { admit } = room({ sessions });

    admit.noteCookies(visit(admit), { kind: 'anonymous', tenant: tenant('acme') }, ['sessionid=; Max-Age=0']);
    await settle();

    expect(sessions.graves.size).toBe(0);
  });

  test('while the store is down, ends the session here at once and writes its grave later', async () => {
    const { admit, caller, sessions } = await live();
    sessions.isDown = true;

    admit.noteCookies(visit(admit), caller, ['sessionid=; Max-Age=0']);
    await settle();
    expect(said(await asked(admit))).toBe('credential_missing');

    sessions.isDown = false;
    for (let waits = 0; waits < 50 && sessions.graves.size === 0; waits++) await settle(100);
    expect(sessions.graves.has(hash(KEY))).toBe(true);
  });
});

describe('where it cannot be said whose session it is', () => {
  const silent = async (): Promise<never> => {
    throw new Error('connect ECONNREFUSED 10.0.0.7:8000');
  };

  test.each([
    ['required', 'legacy_unreachable'],
    ['optional', 'legacy_unreachable'],
    ['public', 'anonymous'],
  ] as const)('on a %s route the answer is %s', async (policy, expected) => {
    const { admit } = room({ sessions: sessionBookOf({}, hash), askLegacySession: silent });

    expect(await answer(admit, KEY, policy)).toBe(expected);
  });

  test('a failure that the asker names is passed on, and asked again the next time', async () => {
    const answers: (Failure | SessionRecord)[] = [fail('legacy_unreachable', { retryAfterS: 1 }), record()];
    const { admit } = room({ askLegacySession: async () => answers.shift() });

    expect(await asked(admit)).toMatchObject({ code: 'legacy_unreachable', status: 503, retrySafe: true });
    expect(await answer(admit)).toBe('known');
  });

  test('because the store is down, legacy’s yes counts, but its no does not', async () => {
    const sessions = sessionBookOf({}, hash);
    const other = KEY.replace('a', 'z');
    const { admit } = room({ sessions, askLegacySession: legacyWith({ [`acme/${KEY}`]: record() }).ask });
    sessions.isDown = true;

    expect(await answer(admit, KEY)).toBe('known');
    expect(await answer(admit, other)).toBe('store_unavailable');
    expect(await answer(admit, other, 'public')).toBe('anonymous');
  });

  test('a session whose grave was seen before the store went down stays dead', async () => {
    const sessions = sessionBookOf({}, hash);
    await sessions.end(tenant('acme'), KEY);
    const { admit } = room({ sessions, askLegacySession: legacyWith({ [`acme/${KEY}`]: record() }).ask });
    await settle();
    sessions.isDown = true;

    expect(await answer(admit)).toBe('credential_missing');
  });

  test('one that was seen a moment ago works on', async () => {
    const sessions = sessionBookOf({ [`acme/${KEY}`]: record() }, hash);
    const { admit } = room({ sessions, askLegacySession: silent });
    await answer(admit);
    sessions.isDown = true;

    expect(await answer(admit)).toBe('known');
  });
});
