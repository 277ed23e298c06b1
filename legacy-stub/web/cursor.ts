import type { IncomingMessage } from 'node:http';
import type { Connection } from '../database/connection.ts';
import { type Answer, bracket, notFound } from './answers.ts';
import { readId } from './body.ts';
import { type Json, renderJson } from './json.ts';

type Cursor = Readonly<{ direction: 'older' | 'newer'; from: number }>;
type Pairs = readonly (readonly [key: string, value: string])[];

/** What a page is cut from: rows with an id, newest first. `where` is SQL with its values. */
export type PageSource<Row> = Readonly<{
  db: Connection;
  columns: string;
  table: string;
  where: string;
  values: readonly unknown[];
  show: (row: Row) => Json;
}>;

/** Answers one page as Django REST framework's CursorPagination does, with the last id as the position. */
export async function answerPage<Row extends { id: number }>(
  request: IncomingMessage,
  source: PageSource<Row>,
): Promise<Answer> {
  const url = readUrl(request);
  const cursor = readCursor(findLast(url.pairs, 'cursor'));
  const size = readPageSize(findLast(url.pairs, 'page_size'));
  const { rows, more } = await selectRows(source, cursor, size);
  const first = rows[0];
  const last = rows.at(-1);
  const back = cursor?.direction === 'newer';
  const next = last && (back || more) ? link(url, `p=${last.id}`) : null;
  const previous = first && (back ? more : cursor) ? link(url, `r=1&p=${first.id}`) : null;
  const open = `{"next":${renderJson(next)},"previous":${renderJson(previous)},"results":[`;
  const texts = rows.map((row) => renderJson(source.show(row)));
  return { status: 200, body: { kind: 'pieces', texts: bracket(open, texts, ']}') } };
}

async function selectRows<Row>(source: PageSource<Row>, cursor: Cursor | undefined, size: number) {
  const values = [...source.values];
  const [sign, order] = cursor?.direction === 'newer' ? ['>', 'ASC'] : ['<', 'DESC'];
  const bound = cursor ? `AND id ${sign} $${values.push(cursor.from)}` : '';
  const rows = await source.db.query<Row>(
    `SELECT ${source.columns} FROM ${source.table} WHERE ${source.where} ${bound} ORDER BY id ${order} LIMIT ${size + 1}`,
    values,
  );
  const page = rows.slice(0, size);
  return { rows: cursor?.direction === 'newer' ? page.reverse() : page, more: rows.length > size };
}

function readCursor(text: string | undefined): Cursor | undefined {
  if (!text) return undefined;
  const plain = Buffer.from(text, 'base64').toString('latin1');
  const pairs = readPairs(plain);
  const reverse = findLast(pairs, 'r') ?? '0';
  const from = readId(findLast(pairs, 'p'));
  const padded = Buffer.from(plain, 'latin1').toString('base64') === text;
  if (!padded || from === undefined || !/^[01]$/.test(reverse)) throw notFound('Invalid cursor');
  return { direction: reverse === '1' ? 'newer' : 'older', from };
}

function readPageSize(text: string | undefined): number {
  const size = text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return size === 0 ? 20 : Math.min(size, 100);
}

function readUrl(request: IncomingMessage) {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const query = mark < 0 ? '' : target.slice(mark + 1);
  const scheme = request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  const path = mark < 0 ? target : target.slice(0, mark);
  return { base: `${scheme}://${request.headers.host ?? ''}${path}`, pairs: readPairs(query) };
}

function readPairs(query: string): Pairs {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const [key = '', ...value] = part.split('=');
      return [unquote(key), unquote(value.join('='))] as const;
    });
}

function findLast(pairs: Pairs, key: string): string | undefined {
  return pairs.findLast(([name]) => name === key)?.[1];
}

function link({ base, pairs }: { base: string; pairs: Pairs }, cursor: string): string {
  const encoded = Buffer.from(cursor).toString('base64');
  const all: Pairs = [...pairs.filter(([key]) => key !== 'cursor'), ['cursor', encoded]];
  // A stable sort: repeated keys keep their order, as Python's urlencode(sorted(…), doseq=True) leaves them.
  const sorted = all.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `${base}?${sorted.map(([key, value]) => `${quotePlus(key)}=${quotePlus(value)}`).join('&')}`;
}

/** Python's `quote_plus`. */
function quotePlus(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

/** Python's `unquote_plus`: bytes that are no UTF-8 become U+FFFD, a bad escape stays as it is. */
function unquote(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'));
}
