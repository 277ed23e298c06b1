import { expect, test } from '@jest/globals';
import type { Asked } from './product.contract.ts';

const ADA_SHOWN =
  '{"id":1,"username":"ada","email":"ada@acme.example","first_name":"Ada","last_name":"Lovelace","is_staff":true,"date_joined":"2026-01-05T09:30:00Z"}';
const DATE = String.raw`\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`;

export function describeLogin(side: Asked): void {
  const logIn = (body: object) =>
    side.ask({
      method: 'POST',
      target: '/api/auth/login/',
      as: { tenant: 'acme' },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  test('a login shows the user and sets two cookies, the CSRF token first', async () => {
    const { status, text, headers } = await logIn({ username: 'ada', password: 'demo' });
    expect([status, text]).toEqual([200, ADA_SHOWN]);
    expect(headers['set-cookie']).toEqual([
      expect.stringMatching(
        `^csrftoken=[A-Za-z0-9]{32}; expires=${DATE}; Max-Age=31449600; Path=/; SameSite=Lax$`,
      ),
      expect.stringMatching(
        `^sessionid=[a-z0-9]{32}; expires=${DATE}; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax$`,
      ),
    ]);
  });

  test('a wrong password, an unknown name and an inactive user get one and the same answer', async () => {
    const answers = await Promise.all([
      logIn({ username: 'ada', password: 'Demo' }),
      logIn({ username: 'nobody', password: 'demo' }),
      logIn({ username: 'gone', password: 'demo' }),
    ]);
    for (const { status, text } of answers)
      expect([status, text]).toEqual([
        400,
        '{"non_field_errors":["Unable to log in with provided credentials."]}',
      ]);
  });

  test('all mistakes of a body are told together, in the order of the fields', async () => {
    const { text } = await logIn({ password: 5 });
    expect(text).toBe('{"username":["This field is required."],"password":["Not a valid string."]}');
  });

  test('a logout deletes the cookie and says nothing', async () => {
    const { status, body, headers } = await side.ask({ method: 'POST', target: '/api/auth/logout/' });
    expect([status, body.length, headers['content-type']]).toEqual([204, 0, undefined]);
    expect(headers['set-cookie']).toEqual([
      'sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax',
    ]);
  });

  test('who am I is answered to active users of the tenant only', async () => {
    const me = (as: object) => side.ask({ target: '/api/auth/me/', as });
    expect((await me({ tenant: 'acme', user: 1 })).text).toBe(ADA_SHOWN);
    for (const as of [{ tenant: 'acme' }, { tenant: 'acme', user: 6 }, { tenant: 'acme', user: 999 }]) {
      const { status, text } = await me(as);
      expect([status, text]).toEqual([403, '{"detail":"Authentication credentials were not provided."}']);
    }
  });
}
