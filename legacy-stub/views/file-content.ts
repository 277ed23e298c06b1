import type { IncomingMessage } from 'node:http';
import { CHUNK_BYTES } from '../database/tables.ts';
import type { Answer, HeaderList, Sink } from '../web/answers.ts';
import { renderTime } from '../web/json.ts';
import type { Ask } from '../web/view.ts';
import type { FileRow } from './files.ts';

/** Bytes from `first` to `last`, both included. */
type Span = Readonly<{ first: number; last: number }>;

/** Answers a file's bytes by RFC 9110: conditions first (section 13.2.2), then one range (section 14). */
export function answerContent(ask: Ask, file: FileRow): Answer {
  const { request } = ask;
  const etag = `"${file.sha256}"`;
  const modified = new Date(renderTime(file.created_at)).toUTCString();
  const common: HeaderList = [
    ['ETag', etag],
    ['Last-Modified', modified],
    ['Accept-Ranges', 'bytes'],
  ];
  if (isUnchanged(request, etag, modified)) return { status: 304, headers: common, body: { kind: 'none' } };
  const span = readSpan(request, file.size, [etag, modified]);
  if (span === 'beyond')
    return {
      status: 416,
      headers: [...common, ['Content-Range', `bytes */${file.size}`]],
      body: { kind: 'none' },
    };
  const { first, last } = span ?? { first: 0, last: file.size - 1 };
  const headers: HeaderList = [
    ['Content-Type', file.content_type],
    ['Content-Disposition', writeDisposition(file.name)],
    ['Content-Length', String(last - first + 1)],
    ...(span ? [['Content-Range', `bytes ${first}-${last}/${file.size}`] as const] : []),
    ...common,
  ];
  const write = (sink: Sink) => writeBytes(ask, file.id, { first, last }, sink);
  return { status: span ? 206 : 200, headers, body: { kind: 'stream', write } };
}

function isUnchanged({ headers }: IncomingMessage, etag: string, modified: string): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) {
    const given = tags.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    return given.includes(etag) || given.includes('*');
  }
  return Date.parse(headers['if-modified-since'] ?? '') >= Date.parse(modified);
}

/** The one range that was asked for; undefined where the whole file is the answer. */
function readSpan(
  request: IncomingMessage,
  size: number,
  validators: readonly string[],
): Span | 'beyond' | undefined {
  const { range = '', 'if-range': condition } = request.headers;
  if (request.method !== 'GET') return undefined;
  if (condition !== undefined && !validators.includes(String(condition))) return undefined;
  const [, from = '', to = ''] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(range) ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '')
    return Number(to) === 0 ? 'beyond' : { first: Math.max(0, size - Number(to)), last: size - 1 };
  if (to !== '' && Number(to) < Number(from)) return undefined;
  if (Number(from) >= size) return 'beyond';
  return { first: Number(from), last: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}

/** Django's `content_disposition_header`. */
function writeDisposition(name: string): string {
  if (/^[\t \x21-\x7e]*$/.test(name)) return `attachment; filename="${name.replace(/[\\"]/g, '\\$&')}"`;
  const quoted = encodeURIComponent(name.toWellFormed())
    .replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');
  return `attachment; filename*=utf-8''${quoted}`;
}

/** Reads one chunk at a time, and the next only when the reader has taken it. */
async function writeBytes(ask: Ask, file: number, { first, last }: Span, sink: Sink): Promise<void> {
  for (let seq = Math.floor(first / CHUNK_BYTES); seq * CHUNK_BYTES <= last; seq += 1) {
    const sql = 'SELECT data FROM files_chunk WHERE file_id = $1 AND seq = $2';
    const [row] = await ask.beside((db) => db.query<{ data: Buffer }>(sql, [file, seq]));
    // Deleted meanwhile: a broken connection is honest, a short body is not.
    if (!row) throw new Error(`chunk ${seq} of file ${file} is gone`);
    const start = seq * CHUNK_BYTES;
    if (!(await sink.write(row.data.subarray(Math.max(0, first - start), last - start + 1)))) return;
  }
}
