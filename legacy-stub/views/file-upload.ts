import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { type Connection, inTransaction } from '../database/connection.ts';
import { CHUNK_BYTES } from '../database/tables.ts';
import { badRequest } from '../web/answers.ts';
import { refuseOtherType } from '../web/body.ts';
import type { Ask } from '../web/view.ts';
import { FILE_COLUMNS, type FileRow } from './files.ts';

const NO_FILE = 'No file was submitted.';
const NOT_A_FILE = 'The submitted data was not a file. Check the encoding type on the form.';
const EMPTY_FILE = 'The submitted file is empty.';
const LONGEST_NAME = 255;
const LONGEST_TYPE = 100;

type Part = Readonly<{ bytes: Readable; name: string; type: string }>;

/** Writes the first file part of the body to chunks as it comes, in one transaction: never more than one chunk is held. */
export async function receiveFile(ask: Ask, owner: number): Promise<FileRow> {
  const { request } = ask;
  if (hasNoBody(request)) throw badRequest({ file: [NO_FILE] });
  refuseOtherType(request, 'multipart/form-data');
  const parser = openParser(request);
  return ask.beside((db) =>
    inTransaction(db, async () => {
      const found = await readParts(request, parser, (part) => storeFile(db, owner, part));
      if (typeof found === 'string') throw badRequest({ file: [found] });
      return found;
    }),
  );
}

function hasNoBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

function openParser({ headers }: IncomingMessage): BusboyInstance {
  try {
    return new Busboy({ headers: { 'content-type': headers['content-type'] ?? '' } });
  } catch {
    throw badRequest({ detail: 'Multipart form parse error - Invalid boundary in multipart: None' });
  }
}

/** Runs the body through the parser; tells what `store` made of the first file, or what is wrong with the field. */
function readParts<T>(
  request: IncomingMessage,
  parser: BusboyInstance,
  store: (part: Part) => Promise<T>,
): Promise<T | string> {
  return new Promise((resolve, reject) => {
    let stored: Promise<T | string> | undefined;
    let complaint = NO_FILE;
    let part: Readable | undefined;
    let broken = false;
    const stop = (error: Error) => {
      broken = true;
      request.unpipe(parser);
      request.resume();
      part?.destroy(error);
      // The connection goes back only when nothing writes to it any more.
      const settle = () => reject(error);
      void (stored ?? Promise.resolve()).then(settle, settle);
    };
    parser.on('file', (field, bytes, fileName, _encoding, type) => {
      // Said again by the parser's own 'error'; without a listener it would end the process.
      bytes.on('error', () => {});
      const name = cleanName(fileName ?? '');
      if (field !== 'file' || name === '' || stored) return void bytes.resume();
      part = bytes;
      stored = store({ bytes, name, type: cleanType(type) });
      stored.catch(stop);
    });
    parser.on('field', (field) => {
      if (field === 'file') complaint = NOT_A_FILE;
    });
    // The parser says 'finish' even after an 'error'.
    parser.on('finish', () => broken || resolve(stored ?? complaint));
    const unexpectedEnd = 'Multipart form parse error - Unexpected end of multipart data';
    parser.on('error', () => stop(badRequest({ detail: unexpectedEnd })));
    request.once('close', () => request.complete || stop(new Error('the client went away')));
    request.pipe(parser);
  });
}

/** The last segment of the path sent, without control characters, cut before its extension. */
function cleanName(given: string): string {
  const name = (given.split(/[\\/]/).at(-1) ?? '').replace(/\p{Cc}/gu, '').trim();
  if (name === '.' || name === '..') return '';
  const letters = [...name];
  if (letters.length <= LONGEST_NAME) return name;
  const extension = [...(/^\.*[^.].*(\.[^.]*)$/s.exec(name)?.[1] ?? '')].slice(0, LONGEST_NAME);
  const stem = letters.slice(0, letters.length - extension.length).slice(0, LONGEST_NAME - extension.length);
  return [...stem, ...extension].join('');
}

function cleanType(given: string): string {
  const type = given.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const isType = /^[\x21-\x7e]+$/.test(type) && type.length <= LONGEST_TYPE;
  return isType ? type : 'application/octet-stream';
}

async function storeFile(db: Connection, owner: number, part: Part): Promise<FileRow | string> {
  const hash = createHash('sha256');
  let size = 0;
  let id: number | undefined;
  let seq = 0;
  for await (const chunk of cutChunks(part.bytes)) {
    id ??= await insertFile(db, owner, part);
    await db.query('INSERT INTO files_chunk (file_id, seq, data) VALUES ($1, $2, $3)', [id, seq, chunk]);
    hash.update(chunk);
    size += chunk.length;
    seq += 1;
  }
  // No row was begun for it, so an empty file costs no id.
  if (id === undefined) return EMPTY_FILE;
  const sql = `UPDATE files_file SET size = $2, sha256 = $3 WHERE id = $1 RETURNING ${FILE_COLUMNS}`;
  const [row] = await db.query<FileRow>(sql, [id, size, hash.digest('hex')]);
  if (!row) throw new Error('the file was not written');
  return row;
}

async function insertFile(db: Connection, owner: number, { name, type }: Part): Promise<number> {
  const [row] = await db.query<{ id: number }>(
    `INSERT INTO files_file (owner_id, name, content_type, size, sha256, created_at) VALUES ($1, $2, $3, 0, '', now()) RETURNING id`,
    [owner, name, type],
  );
  return row?.id ?? 0;
}

async function* cutChunks(bytes: Readable): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const piece of bytes) {
    held.push(piece as Buffer);
    size += (piece as Buffer).length;
    if (size < CHUNK_BYTES) continue;
    const joined = Buffer.concat(held);
    const whole = size - (size % CHUNK_BYTES);
    for (let at = 0; at < whole; at += CHUNK_BYTES) yield joined.subarray(at, at + CHUNK_BYTES);
    held = [joined.subarray(whole)];
    size -= whole;
  }
  if (size > 0) yield Buffer.concat(held);
}
