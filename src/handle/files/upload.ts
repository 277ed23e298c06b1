import type { Exchange } from '../exchange.ts';
import { forUser } from '../view.ts';
import { isMediaType, refuseMediaType } from '../wire/json-body.ts';
import { refuseField } from '../wire/refusal.ts';
import { showFile } from './file.ts';
import { readFilePart } from './multipart.ts';
import { Upload } from './upload-rows.ts';

/** Takes one file as it comes. Nothing of it is visible before its last byte, and a broken upload leaves nothing behind. */
export async function uploadFile(exchange: Exchange, largestBytes: number): Promise<void> {
  const owner = await exchange.read(forUser(exchange, async (_tx, user) => user));
  const contentType = exchange.header('content-type');
  if (hasNoBody(exchange)) throw refuseField('file', 'No file was submitted.');
  if (!isMediaType(contentType, 'multipart/form-data')) throw refuseMediaType(contentType);
  const upload = new Upload(exchange, owner, largestBytes);
  try {
    await readFilePart(exchange.body, contentType ?? '', (part) => upload.take(part));
    const file = await upload.publish();
    await exchange.reply.json(201, showFile(file));
  } catch (error) {
    await upload.discard();
    throw error;
  }
}

// The framing is the connection's own, so it is not among the headers that the door lets in.
function hasNoBody({ body: { headers } }: Exchange): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}
