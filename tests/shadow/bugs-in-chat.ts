import type { TenantTransaction } from '../../src/store/index.ts';
import { CHANNELS, get, logIn, messagesOf, post } from './asks.ts';
import { changeCalls, misanswer, misquery, misread, missay, miswrite, rewriteSql } from './defect.ts';
import { changeText, expecting, type PlantedBug } from './planted-bug.ts';
import { readSession } from './shot.ts';

const list = { ask: (tenant: string) => [get(tenant, CHANNELS)] };
const say = (body: string, metadata = '{}') => ({
  ask: (tenant: string, nr: number) => [
    post(tenant, messagesOf(1 + (nr % 3)), `{"body":${JSON.stringify(body)},"metadata":${metadata}}`),
  ],
});

const inList = (path: string, kind: PlantedBug['expects']['kind']) => expecting('chat.channels', path, kind);
const inPost = (path: string, kind: PlantedBug['expects']['kind']) => expecting('chat.post', path, kind);

export const BUGS_IN_CHAT: readonly PlantedBug[] = [
  {
    name: 'names are sorted as people sort them, and not by code point',
    alter: misquery('chat/channels', (tx) =>
      mapRows(tx, (rows) => rows.toSorted((a, b) => String(a.name).localeCompare(String(b.name)))),
    ),
    expects: inList('body', 'order'),
    ...list,
  },
  {
    name: 'a boolean is told as a text',
    alter: missay('chat/channels', /"is_private":(true|false)/g, '"is_private":"$1"'),
    expects: inList('/*/is_private', 'type'),
    ...list,
  },
  {
    name: 'messages are counted over all channels',
    alter: misquery('chat/channels', (tx) => ({
      $queryRaw: ((sql: TemplateStringsArray, ...values: unknown[]) =>
        tx.$queryRaw(
          rewriteSql(sql, 'AND m.channel_id = c.id', ''),
          ...values,
        )) as TenantTransaction['$queryRaw'],
    })),
    expects: inList('/*/message_count', 'value'),
    ...list,
  },
  {
    name: 'the list is kept in memory and never thrown away',
    alter: (handle) => rememberAnswers()(handle),
    expects: inList('/*/message_count', 'value'),
    ask: (tenant) => [
      get(tenant, CHANNELS),
      post(tenant, messagesOf(1), { body: 'one more' }),
      get(tenant, CHANNELS),
    ],
  },
  {
    name: 'a created message is answered with 200',
    alter: misanswer('chat/post', ({ status }) => (status === 201 ? { status: 200 } : {})),
    expects: inPost('status', 'value'),
    ...say('hello'),
  },
  {
    name: 'a message is written twice',
    alter: misquery('chat/post', (tx) =>
      changeCalls(tx, 'chatMessage', {
        create: async (args, call) => {
          const first = await call(args);
          await call({ data: { ...(args.data as object), id: await tx.nextId('chat_message') } });
          return first;
        },
      }),
    ),
    expects: inPost('rows:chat_message', 'extra'),
    ...say('once, please'),
  },
  {
    name: 'spaces inside a text are folded before it is written',
    alter: miswrite(
      'chat/post',
      'chatMessage',
      'create',
      changeText('body', (text) => text.replace(/\s+/g, ' ')),
    ),
    expects: inPost('rows:chat_message/body', 'value'),
    ...say('two  spaces,\nand a second line'),
  },
  {
    name: 'letters with accents are written without them',
    alter: miswrite(
      'chat/post',
      'chatMessage',
      'create',
      changeText('body', (text) => text.normalize('NFD').replace(/\p{M}/gu, '')),
    ),
    expects: inPost('rows:chat_message/body', 'value'),
    ...say('Treffen im Café um vier'),
  },
  {
    name: 'metadata is written through JavaScript’s numbers',
    alter: miswrite(
      'chat/post',
      'chatMessage',
      'create',
      changeText('metadata', (text) => JSON.stringify(JSON.parse(text))),
    ),
    expects: inPost('rows:chat_message/metadata/score', 'precision'),
    ...say('scored', '{"score":4.0}'),
  },
  {
    name: 'everything is written in the name of the first user',
    alter: misread('chat/post', (request) =>
      request.caller.kind === 'known'
        ? { ...request, caller: { ...request.caller, user: 1 as typeof request.caller.user } }
        : request,
    ),
    expects: inPost('rows:chat_message/author_id', 'value'),
    ask: (tenant) => [
      logIn(tenant, 'grace'),
      (seen) => post(tenant, messagesOf(1), { body: 'mine' }, { as: readSession(seen[0]) }),
    ],
  },
  {
    name: 'each message takes two ids',
    alter: misquery('chat/post', (tx) => ({
      nextId: async (table) => {
        await tx.nextId(table);
        return tx.nextId(table);
      },
    })),
    expects: inPost('rows:chat_message/id', 'value'),
    ...say('with a gap'),
  },
  {
    name: 'a mistake of the caller is told in other words',
    alter: missay('chat/post', /This field may not be blank\./, 'This field is required.'),
    expects: inPost('/body/*', 'value'),
    ...say('   '),
  },
  {
    name: 'a letter beyond the basic plane is too much for the handler',
    alter: miswrite('chat/post', 'chatMessage', 'create', (data) => {
      if (/[\u{10000}-\u{10ffff}]/u.test(String(data.body))) throw new RangeError('invalid byte sequence');
      return data;
    }),
    expects: inPost('status', 'value'),
    ...say('Shipped 🚀'),
  },
];

type Row = Readonly<Record<string, unknown>>;

function mapRows(
  tx: TenantTransaction,
  change: (rows: readonly Row[]) => readonly Row[],
): Partial<TenantTransaction> {
  const ask = async (sql: TemplateStringsArray, ...values: unknown[]) =>
    change(await tx.$queryRaw<Row[]>(sql, ...values));
  return { $queryRaw: ask as unknown as TenantTransaction['$queryRaw'] };
}

function rememberAnswers() {
  const kept = new Map<string, string>();
  return misanswer('chat/channels', ({ text }, { caller }) => {
    const tenant = String(caller.tenant);
    kept.set(tenant, kept.get(tenant) ?? text);
    return { text: kept.get(tenant) ?? text };
  });
}
