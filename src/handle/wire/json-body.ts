import type { Readable } from 'node:stream';
import { fail } from '../../vocabulary/index.ts';
import { FailureThrown } from '../failure-thrown.ts';
import { JsonMistake, type JsonValue, parseJson } from './python-json.ts';
import { type Refusal, refuse } from './refusal.ts';
import { decodeUtf8 } from './utf8.ts';

const LARGEST_BODY = 1024 * 1024;
const EMPTY: JsonValue = { type: 'dict', entries: new Map(), raw: '{}' };

/**
 * Reads a body as DRF's JSONParser does. What the caller did wrong comes back as a value, because identity and rows are judged first.
 * Throws where the body is too large to be read at all.
 */
export async function readJsonBody(
  body: Readable,
  contentType: string | undefined,
): Promise<JsonValue | Refusal> {
  const bytes = await readWhole(body);
  if (bytes.length === 0) return EMPTY;
  if (!isMediaType(contentType, 'application/json')) return refuseMediaType(contentType);
  return parseBytes(bytes);
}

export function parseBytes(bytes: Uint8Array): JsonValue | Refusal {
  try {
    return parseJson(decodeUtf8(bytes));
  } catch (error) {
    if (error instanceof JsonMistake) return refuse(400, { detail: `JSON parse error - ${error.message}` });
    throw error;
  }
}

export function isMediaType(contentType: string | undefined, wanted: string): boolean {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() === wanted;
}

export function refuseMediaType(contentType: string | undefined): Refusal {
  return refuse(415, { detail: `Unsupported media type "${contentType ?? ''}" in request.` });
}

async function readWhole(body: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  // Not the plain iterator: leaving that early would destroy the socket before anybody could answer.
  for await (const piece of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > LARGEST_BODY) throw new FailureThrown(fail('body_too_large'));
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
