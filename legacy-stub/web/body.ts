import type { IncomingMessage } from 'node:http';
import { AnswerInstead, badRequest, json, page } from './answers.ts';
import { type Json, parseJson } from './json.ts';
import { JsonMistake } from './python-json.ts';
import type { Ask } from './view.ts';

/** Django's DATA_UPLOAD_MAX_MEMORY_SIZE. */
const LARGEST_BODY = 2_621_440;

/** Reads a small body whole; above Django's limit its 400 page answers. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    size += (piece as Buffer).length;
    if (size > LARGEST_BODY) throw new AnswerInstead(page(400));
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

/** The body as JSON, by Django REST framework's rules: nothing is an empty object, another type is a 415. */
export function readJson(ask: Ask): Json {
  if (ask.body.length === 0) return {};
  refuseOtherType(ask.request, 'application/json');
  try {
    return parseJson(ask.body);
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    throw badRequest({ detail: `JSON parse error - ${error.message}` });
  }
}

export function refuseOtherType(request: IncomingMessage, wanted: string): void {
  const given = request.headers['content-type'] ?? '';
  if (given.split(';')[0]?.trim().toLowerCase() === wanted) return;
  throw new AnswerInstead(json(415, { detail: `Unsupported media type "${given}" in request.` }));
}

/** A path parameter as an int4, or undefined: such a row cannot exist. */
export function readId(text: string | undefined): number | undefined {
  const id = /^\d{1,10}$/.test(text ?? '') ? Number(text) : Number.NaN;
  return id <= 2_147_483_647 ? id : undefined;
}
