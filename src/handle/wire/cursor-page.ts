import type { Json } from './json-text.ts';
import { findLast, type Query, readQuery, replaceKey } from './query.ts';
import { refuse } from './refusal.ts';

/** What a page asks of its table: rows by id, one more than it shows. */
export type PageWish = Readonly<{
  size: number;
  direction: 'older' | 'newer';
  from: number | undefined;
  query: Query;
}>;

const LARGEST_INT4 = 2_147_483_647;
const DEFAULT_SIZE = 20;
const LARGEST_SIZE = 100;

/** Reads `page_size` and `cursor` as DRF's CursorPagination does. */
export function readPageWish(queryText: string): PageWish {
  const query = readQuery(queryText);
  const cursor = findLast(query, 'cursor');
  return { size: readSize(findLast(query, 'page_size')), query, ...readCursor(cursor) };
}

function readSize(text: string | undefined): number {
  const size = text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return size === 0 ? DEFAULT_SIZE : Math.min(size, LARGEST_SIZE);
}

function readCursor(text: string | undefined): Pick<PageWish, 'direction' | 'from'> {
  if (!text) return { direction: 'older', from: undefined };
  const decoded = Buffer.from(text, 'base64').toString('latin1');
  const isPadded = Buffer.from(decoded, 'latin1').toString('base64') === text;
  const query = readQuery(decoded);
  const [position = '', reverse = '0'] = [findLast(query, 'p'), findLast(query, 'r')];
  const isPosition = /^\d{1,10}$/.test(position) && Number(position) <= LARGEST_INT4;
  if (!isPadded || !isPosition || !/^[01]$/.test(reverse)) throw refuse(404, { detail: 'Invalid cursor' });
  return { direction: reverse === '1' ? 'newer' : 'older', from: Number(position) };
}

/** The part of a Prisma query that a page decides: order, bound and limit. */
export function boundPage({ size, direction, from }: PageWish) {
  const bound = direction === 'newer' ? { gt: from ?? 0 } : { lt: from ?? LARGEST_INT4 };
  return {
    where: from === undefined ? {} : { id: bound },
    orderBy: { id: direction === 'newer' ? 'asc' : 'desc' },
    take: size + 1,
  } as const;
}

/** Makes the page of the rows that `boundPage` asked for. `base` is scheme, host and path. */
export function showPage<Row extends Readonly<{ id: number }>>(
  wish: PageWish,
  found: readonly Row[],
  base: string,
  show: (row: Row) => Json,
): Json {
  const back = wish.direction === 'newer';
  const more = found.length > wish.size;
  const rows = back ? found.slice(0, wish.size).toReversed() : found.slice(0, wish.size);
  const link = (cursor: string) =>
    `${base}?${replaceKey(wish.query, 'cursor', Buffer.from(cursor).toString('base64'))}`;
  const first = rows[0];
  const last = rows.at(-1);
  return {
    next: last && (back || more) ? link(`p=${last.id}`) : null,
    previous: first && (back ? more : wish.from !== undefined) ? link(`r=1&p=${first.id}`) : null,
    results: rows.map(show),
  };
}
