import { checkPassword } from '../accounts/passwords.ts';
import { createSessionKey, encodeSession, randomText } from '../accounts/session-data.ts';
import type { User } from '../accounts/users.ts';
import { badRequest, type HeaderList, json, noContent } from '../web/answers.ts';
import { readJson } from '../web/body.ts';
import { readCookie } from '../web/csrf.ts';
import { readFields, text } from '../web/fields.ts';
import { type Json, renderTime } from '../web/json.ts';
import type { View } from '../web/view.ts';

const YEAR_S = 31_449_600;
const TWO_WEEKS_S = 1_209_600;
const TOKEN_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
// A hash that no password fits: an unknown name costs as much time as a wrong password.
const NOBODYS_PASSWORD = 'pbkdf2_sha256$20000$nobody$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

function showUser(user: User): Json {
  const { id, username, email, first_name, last_name, is_staff, date_joined } = user;
  return { id, username, email, first_name, last_name, is_staff, date_joined: renderTime(date_joined) };
}

export const login: View = {
  name: 'Login',
  takes: 'anybody',
  parses: 'application/json',
  methods: {
    POST: (ask) =>
      ask.within(async (db) => {
        const given = readFields(readJson(ask), {
          username: text({ max: 150 }),
          password: text({ max: 128, trim: 'never' }),
        });
        const sql = 'SELECT * FROM auth_user WHERE username = $1';
        const [user] = await db.query<User>(sql, [given.username]);
        const right = await checkPassword(given.password, user?.password ?? NOBODYS_PASSWORD);
        if (!user?.is_active || !right)
          throw badRequest({ non_field_errors: ['Unable to log in with provided credentials.'] });
        const key = createSessionKey();
        const data = encodeSession(user, ask.house.secretKey, Date.now());
        await db.query('DELETE FROM django_session WHERE session_key = $1', [
          readCookie(ask.request, 'sessionid') ?? '',
        ]);
        await db.query(
          `INSERT INTO django_session (session_key, session_data, expire_date) VALUES ($1, $2, now() + interval '${TWO_WEEKS_S} seconds')`,
          [key, data],
        );
        await db.query('UPDATE auth_user SET last_login = now() WHERE id = $1', [user.id]);
        return json(200, showUser(user), writeLoginCookies(key));
      }),
  },
};

function writeLoginCookies(sessionKey: string): HeaderList {
  const token = randomText(TOKEN_LETTERS, 32);
  const until = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString();
  return [
    ['Set-Cookie', `csrftoken=${token}; expires=${until(YEAR_S)}; Max-Age=${YEAR_S}; Path=/; SameSite=Lax`],
    [
      'Set-Cookie',
      `sessionid=${sessionKey}; expires=${until(TWO_WEEKS_S)}; HttpOnly; Max-Age=${TWO_WEEKS_S}; Path=/; SameSite=Lax`,
    ],
  ];
}

const FORGET_SESSION: HeaderList = [
  ['Set-Cookie', 'sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax'],
];

export const logout: View = {
  name: 'Logout',
  takes: 'anybody',
  parses: 'application/json',
  methods: {
    POST: (ask) =>
      ask.within(async (db) => {
        await db.query('DELETE FROM django_session WHERE session_key = $1', [
          readCookie(ask.request, 'sessionid') ?? '',
        ]);
        return noContent(FORGET_SESSION);
      }),
  },
};

export const me: View = {
  name: 'Me',
  takes: 'users',
  parses: 'application/json',
  methods: { GET: (ask) => ask.within(async (_db, user) => json(200, user ? showUser(user) : null)) },
};
