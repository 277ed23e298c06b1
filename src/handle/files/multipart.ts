import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { refuse, refuseField } from '../wire/refusal.ts';
import { cleanName, cleanType } from './part.ts';

export type Part = Readonly<{ bytes: Readable; name: string; type: string }>;

const LIMITS = { fields: 1000, fieldSize: 1024, parts: 1000, headerPairs: 100 };

/**
 * Runs a body through the parser and hands its first file part to `store` as it comes. Resolves when the whole body was read and found
 * whole; a body that breaks off, or a `store` that fails, rejects.
 */
export async function readFilePart<T>(
  body: IncomingMessage,
  contentType: string,
  store: (part: Part) => Promise<T>,
): Promise<T> {
  const parser = openParser(contentType);
  let stored: Promise<T> | undefined;
  let open: Readable | undefined;
  let complaint = 'No file was submitted.';
  parser.on('field', (field) => {
    if (field === 'file')
      complaint = 'The submitted data was not a file. Check the encoding type on the form.';
  });
  const finished = new Promise<void>((resolve, reject) => {
    const stop = (error: unknown) => {
      body.unpipe(parser);
      // What is still to come is read and dropped, so that the answer can be sent.
      body.resume();
      open?.destroy();
      reject(error);
    };
    parser.on('file', (field, bytes, fileName, _encoding, type) => {
      // Said again by the parser's own 'error'; without a listener it would end the process.
      bytes.on('error', () => undefined);
      const name = cleanName(fileName);
      if (field !== 'file' || name === '' || stored) return void bytes.resume();
      open = bytes;
      stored = store({ bytes, name, type: cleanType(type) });
      stored.catch(stop);
    });
    parser.on('error', () => stop(brokenOff()));
    parser.on('finish', resolve);
    body.once('close', () => body.complete || stop(new Error('The client has gone.')));
    body.pipe(parser);
  });
  await finished.catch(async (error: unknown) => {
    // Whoever tidies up after this must not be overtaken by a chunk that is still being written.
    await stored?.catch(() => undefined);
    throw error;
  });
  if (!stored) throw refuseField('file', complaint);
  return stored;
}

function openParser(contentType: string): BusboyInstance {
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits: LIMITS });
  } catch {
    throw refuse(400, { detail: 'Multipart form parse error - Invalid boundary in multipart: None' });
  }
}

function brokenOff() {
  return refuse(400, { detail: 'Multipart form parse error - Unexpected end of multipart data' });
}
