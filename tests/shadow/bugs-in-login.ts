import { get, LOGOUT, logIn, ME } from './asks.ts';
import { changeCalls, misanswer, mishead, misquery, missay, misshow, miswrite } from './defect.ts';
import { expecting, type PlantedBug } from './planted-bug.ts';
import { readSession } from './shot.ts';

type Kind = PlantedBug['expects']['kind'];
const inLogin = (path: string, kind: Kind) => expecting('auth.login', path, kind);
const inLogout = (path: string, kind: Kind) => expecting('auth.logout', path, kind);
const inMe = (path: string, kind: Kind) => expecting('auth.me', path, kind);

const login = (username: string) => ({ ask: (tenant: string) => [logIn(tenant, username)] });
const me = (as: 'key' | 'nobody' = 'key') => ({ ask: (tenant: string) => [get(tenant, ME, { as })] });

const dropCookie = (name: string) =>
  misanswer('login/login', ({ headers }) => ({
    headers: headers.filter((_, i) => !headers[i - (i % 2) + 1]?.startsWith(`${name}=`)),
  }));

export const BUGS_IN_LOGIN: readonly PlantedBug[] = [
  {
    name: 'of two cookies only the last is set',
    alter: dropCookie('csrftoken'),
    expects: inLogin('cookie:csrftoken', 'missing'),
    ...login('ada'),
  },
  {
    name: 'scripts can read the session cookie',
    alter: mishead('login/login', 'set-cookie', (value) => value.replace(' HttpOnly;', '')),
    expects: inLogin('cookie:sessionid;httponly', 'missing'),
    ...login('grace'),
  },
  {
    name: 'a session’s cookie lives for a day',
    alter: mishead('login/login', 'set-cookie', (value) => value.replace('Max-Age=1209600', 'Max-Age=86400')),
    expects: inLogin('cookie:sessionid;max-age', 'value'),
    ...login('linus'),
  },
  {
    name: 'last_login is not updated',
    alter: misquery('login/login', (tx) => changeCalls(tx, 'authUser', { update: () => undefined })),
    expects: inLogin('rows:auth_user', 'missing'),
    ...login('margaret'),
  },
  {
    name: 'a session is kept for a day',
    alter: miswrite('login/login', 'djangoSession', 'create', (data) => ({
      ...data,
      expireDate: new Date(Date.now() + 86_400_000).toISOString(),
    })),
    expects: inLogin('rows:django_session/expire_date', 'value'),
    ...login('edsger'),
  },
  {
    name: 'who has left can still log in',
    alter: misshow('login/login', 'authUser', (row) => ({ ...row, isActive: true })),
    expects: inLogin('status', 'value'),
    ...login('gone'),
  },
  {
    name: 'names are found in any case',
    alter: misquery('login/login', (tx) =>
      changeCalls(tx, 'authUser', {
        findFirst: (args, call) => {
          const { username, ...where } = args.where as { username: string };
          return call({ where: { ...where, username: { equals: username, mode: 'insensitive' } } });
        },
      }),
    ),
    expects: inLogin('status', 'value'),
    ...login('ADA'),
  },
  {
    name: 'the cookie stays after the logout',
    alter: mishead('login/logout', 'set-cookie', () => undefined),
    expects: inLogout('cookie:sessionid', 'missing'),
    ask: (tenant) => [{ tenant, method: 'POST', target: LOGOUT, as: 'nobody' }],
  },
  {
    name: 'a logout ends everybody’s sessions',
    alter: misquery('login/logout', (tx) =>
      changeCalls(tx, 'djangoSession', {
        deleteMany: (_args, call) => call({ where: { tenantId: tx.tenantId } }),
      }),
    ),
    expects: inLogout('rows:django_session', 'extra'),
    ask: (tenant) => [
      logIn(tenant, 'grace'),
      logIn(tenant, 'linus'),
      (seen) => ({ tenant, method: 'POST', target: LOGOUT, as: readSession(seen[0]) }),
    ],
  },
  {
    name: 'a logout keeps the session’s row',
    alter: misquery('login/logout', (tx) =>
      changeCalls(tx, 'djangoSession', { deleteMany: async () => ({ count: 0 }) }),
    ),
    expects: inLogout('rows:django_session', 'missing'),
    ask: (tenant) => [
      logIn(tenant, 'grace'),
      (seen) => ({ tenant, method: 'POST', target: LOGOUT, as: readSession(seen[0]) }),
    ],
  },
  {
    name: 'nobody is answered with 401',
    alter: misanswer('login/me', ({ status }) => (status === 403 ? { status: 401 } : {})),
    expects: inMe('status', 'value'),
    ...me('nobody'),
  },
  {
    name: 'a boolean is told as Python prints it',
    alter: misanswer('login/me', ({ text }) => ({
      text: text
        .replace('"is_staff":true', '"is_staff":"True"')
        .replace('"is_staff":false', '"is_staff":"False"'),
    })),
    expects: inMe('/is_staff', 'type'),
    ...me(),
  },
  {
    name: 'a time is told as a date',
    alter: missay('login/me', /("date_joined":"[^"T]+)T[^"]*"/, '$1"'),
    expects: inMe('/date_joined', 'value'),
    ...me(),
  },
  {
    name: 'caches are not told what the answer depends on',
    alter: mishead('login/me', 'vary', () => undefined),
    expects: inMe('header:vary', 'missing'),
    ...me(),
  },
];
