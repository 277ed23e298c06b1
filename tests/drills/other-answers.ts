import type { AlterHandle } from '../../src/shadow.ts';
import { type Given, misanswer, misquery, miswrite } from '../shadow/defect.ts';
import { NEW_SIDE, WORDS } from './plants.ts';

const HANDLERS = [
  'login/login',
  'login/logout',
  'login/me',
  'ai/complete',
  'ai/jobs',
  'ai/job',
  'chat/channels',
  'chat/messages',
  'chat/post',
  'files/list',
  'files/upload',
  'files/content',
  'files/delete',
] as const;

type Row = Record<string, unknown>;

/** Handlers that answer everything in another way than legacy, write other rows, and say what they should not. */
export const answerOtherwise: AlterHandle = chain([
  ...HANDLERS.map((handler) => misanswer(handler, (given) => sayOtherwise(handler, given))),
  miswrite('chat/post', 'chatMessage', 'create', (row) => ({
    ...other(row, 'body'),
    metadata: JSON.stringify(changeStrings(JSON.parse(String(row.metadata)))),
  })),
  miswrite('ai/complete', 'aiJob', 'create', (row) => other(row, 'prompt')),
  miswrite('files/upload', 'filesFile', 'create', (row) => other(row, 'name')),
  miswrite('login/login', 'djangoSession', 'create', (row) => other(row, 'sessionData')),
  misquery('dashboard/summary', () => {
    throw new Error(NEW_SIDE.thrown.value);
  }),
]);

function chain(alters: readonly AlterHandle[]): AlterHandle {
  return (handle) => alters.reduce((altered, alter) => alter(altered), handle);
}

const other = (row: Row, name: string): Row => ({ ...row, [name]: `${row[name]} ~` });

function sayOtherwise(handler: string, { status, headers, text }: Given): Partial<Given> {
  const cookies = ['Set-Cookie', `sessionid=${NEW_SIDE.cookie.value}; Path=/; ${NEW_SIDE.cookie.value}=1`];
  const more = [...headers, ...cookies, 'WWW-Authenticate', NEW_SIDE.header.value];
  if (handler === 'files/list')
    return { status: 500, headers: ['Content-Type', 'text/html'], text: NEW_SIDE.page.value };
  if (handler === 'login/me') return { status: 302, headers: [...more, 'Location', NEW_SIDE.location.value] };
  if (!text.startsWith('{') && !text.startsWith('[')) return { headers: more, text: `${text} ~` };
  return { status, headers: more, text: changeJson(text) };
}

function changeJson(text: string): string {
  const changed = changeStrings(JSON.parse(Buffer.from(text, 'latin1').toString()));
  const remark = {
    remark: WORDS.newWord.value,
    debug: { password: NEW_SIDE.field.value, [NEW_SIDE.key.value]: 1 },
  };
  const all = Array.isArray(changed) ? [...changed, remark] : { ...(changed as object), ...remark };
  return Buffer.from(JSON.stringify(all)).toString('latin1');
}

function changeStrings(value: unknown): unknown {
  if (typeof value === 'string') return `${value} ~`;
  if (Array.isArray(value)) return value.map(changeStrings);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, changeStrings(one)]));
}
