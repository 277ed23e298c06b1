import { get, messagesOf } from './asks.ts';
import { type Args, changeCalls, misanswer, misquery, misread, missay, misshow } from './defect.ts';
import { changeText, expecting, type PlantedBug, readJson, shiftTime } from './planted-bug.ts';
import type { Seen } from './shot.ts';

const page = (query = '?page_size=100') => ({
  ask: (tenant: string) => [get(tenant, `${messagesOf(1)}${query}`)],
});
const inPage = (path: string, kind: PlantedBug['expects']['kind']) => expecting('chat.messages', path, kind);

const findMany = (change: (args: Args) => Args) =>
  misquery('chat/messages', (tx) =>
    changeCalls(tx, 'chatMessage', { findMany: (args, call) => call(change(args)) }),
  );

/** Follows the first page's link. */
const follow = (seen: readonly Seen[], tenant: string) =>
  get(tenant, readJson<{ next: string }>(seen[0]).next.replace(/^http:\/\/[^/]+/, ''));

export const BUGS_IN_MESSAGES: readonly PlantedBug[] = [
  {
    name: 'a page asks for no row beyond itself, so nobody sees that there are more',
    alter: findMany((args) => ({ ...args, take: Number(args.take) - 1 })),
    expects: inPage('/next', 'type'),
    ...page('?page_size=5'),
  },
  {
    name: 'a page begins with the last row of the one before',
    alter: findMany((args) => {
      const { id, ...where } = args.where as { id?: { lt?: number } };
      return { ...args, where: { ...where, ...(id && { id: id.lt === undefined ? id : { lte: id.lt } }) } };
    }),
    expects: inPage('/results/*', 'extra'),
    ask: (tenant) => [get(tenant, `${messagesOf(1)}?page_size=5`), (seen) => follow(seen, tenant)],
  },
  {
    name: 'a page has 25 rows where nobody asks for a size',
    alter: misread('chat/messages', (request) => {
      const { arrival } = request;
      const target = arrival.target.includes('page_size') ? arrival.target : `${arrival.path}?page_size=25`;
      return { ...request, arrival: { ...arrival, target } };
    }),
    expects: inPage('/results/*', 'extra'),
    ...page(''),
  },
  {
    name: 'local times are told as if they were UTC',
    alter: misshow('chat/messages', 'chatMessage', changeText('createdAt', shiftTime)),
    expects: inPage('/results/*/created_at', 'value'),
    ...page(),
  },
  {
    name: 'times lose their microseconds',
    alter: misshow(
      'chat/messages',
      'chatMessage',
      changeText('createdAt', (text) => new Date(text).toISOString()),
    ),
    expects: inPage('/results/*/created_at', 'value'),
    ...page(),
  },
  {
    name: 'a field without a value is left out instead of null',
    alter: missay('chat/messages', /,"edited_at":null/g, ''),
    expects: inPage('/results/*/edited_at', 'missing'),
    ...page(),
  },
  {
    name: 'letters beyond the basic plane are dropped, as by MySQL’s utf8',
    alter: misshow(
      'chat/messages',
      'chatMessage',
      changeText('body', (text) => text.replace(/[\u{10000}-\u{10ffff}]/gu, '')),
    ),
    expects: inPage('/results/*/body', 'value'),
    ...page(),
  },
  {
    name: 'text is escaped for HTML in JSON',
    alter: misshow(
      'chat/messages',
      'chatMessage',
      changeText('body', (text) =>
        text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
      ),
    ),
    expects: inPage('/results/*/body', 'value'),
    ...page(),
  },
  {
    name: 'jsonb goes through JavaScript’s numbers, so that 1.0 becomes 1',
    alter: misshow(
      'chat/messages',
      'chatMessage',
      changeText('metadata', (text) => JSON.stringify(JSON.parse(text))),
    ),
    expects: inPage('/results/*/metadata/a', 'precision'),
    ...page(),
  },
  {
    name: 'integers beyond 2^53 are rounded',
    alter: missay('chat/messages', /12345678901234567890/g, '12345678901234567000'),
    expects: inPage('/results/*/metadata/big', 'precision'),
    ...page(),
  },
  {
    name: 'links of a page lead to the host behind the proxy',
    alter: misread('chat/messages', (request) => ({
      ...request,
      arrival: { ...request.arrival, host: '10.0.3.7:3000' },
    })),
    expects: inPage('/next', 'value'),
    ...page('?page_size=2'),
  },
  {
    name: 'links of a page forget the page’s size',
    alter: missay('chat/messages', /&page_size=\d+/g, ''),
    expects: inPage('/next', 'value'),
    ...page('?page_size=3'),
  },
  {
    name: 'an unknown channel is an empty list',
    alter: misanswer('chat/messages', ({ status }) =>
      status === 404 ? { status: 200, text: '{"next":null,"previous":null,"results":[]}' } : {},
    ),
    expects: inPage('status', 'value'),
    ask: (tenant) => [get(tenant, messagesOf(999))],
  },
];
