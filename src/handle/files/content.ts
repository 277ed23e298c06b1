import type { Exchange } from '../exchange.ts';
import { forUser } from '../view.ts';
import { allowsRange, type ByteRange, isNotModified, readRange } from '../wire/byte-range.ts';
import { writeDisposition } from '../wire/disposition.ts';
import { time } from '../wire/json-text.ts';
import { CHUNK_BYTES, type FileRow, requireFile } from './file.ts';

type Header = readonly [name: string, value: string];
type Span = Readonly<{ first: number; last: number }>;

/** Chunks read at once: one transaction for a megabyte. */
const BATCH = 4;

export async function sendContent(exchange: Exchange): Promise<void> {
  const file = await exchange.read(forUser(exchange, (tx) => requireFile(tx, exchange.params.id)));
  const { common, etag, modified } = describe(file);
  if (isNotModified(exchange.header, etag, Date.parse(modified))) return exchange.reply.empty(304, common);
  const size = Number(file.size);
  const range = chooseRange(exchange, size, etag, modified);
  if (range === 'unsatisfiable')
    return exchange.reply.empty(416, [...common, ['Content-Range', `bytes */${size}`]]);
  const span = range === 'whole' ? { first: 0, last: size - 1 } : range;
  exchange.reply.begin(range === 'whole' ? 200 : 206, [
    ['Content-Type', file.contentType],
    ['Content-Disposition', writeDisposition(file.name)],
    ['Content-Length', String(span.last - span.first + 1)],
    ...(range === 'whole' ? [] : ([['Content-Range', `bytes ${span.first}-${span.last}/${size}`]] as const)),
    ...common,
  ]);
  if (exchange.method !== 'HEAD') await sendBytes(exchange, file.id, span);
  await exchange.reply.finish();
}

function describe(file: FileRow) {
  const etag = `"${file.sha256}"`;
  const modified = new Date(time(file.createdAt)).toUTCString();
  const common: readonly Header[] = [
    ['ETag', etag],
    ['Last-Modified', modified],
    ['Accept-Ranges', 'bytes'],
  ];
  return { common, etag, modified };
}

function chooseRange(exchange: Exchange, size: number, etag: string, modified: string): ByteRange {
  const isWanted = exchange.method === 'GET' && allowsRange(exchange.header, etag, modified);
  return isWanted ? readRange(exchange.header('range'), size) : 'whole';
}

/** Batch after batch, each in a transaction of its own, and the next only when the reader has taken the last. */
async function sendBytes(exchange: Exchange, fileId: number, { first, last }: Span): Promise<void> {
  const lastSeq = Math.floor(last / CHUNK_BYTES);
  for (let seq = Math.floor(first / CHUNK_BYTES); seq <= lastSeq; seq += BATCH) {
    const until = Math.min(seq + BATCH - 1, lastSeq);
    for (const chunk of await readChunks(exchange, fileId, seq, until)) {
      const start = chunk.seq * CHUNK_BYTES;
      await exchange.reply.write(chunk.data.subarray(Math.max(0, first - start), last - start + 1));
    }
  }
}

async function readChunks(exchange: Exchange, fileId: number, from: number, until: number) {
  const chunks = await exchange.read((tx) =>
    tx.filesChunk.findMany({
      where: { tenantId: tx.tenantId, fileId, seq: { gte: from, lte: until } },
      orderBy: { seq: 'asc' },
      take: BATCH,
    }),
  );
  // Deleted meanwhile: a broken connection is honest, a short body is not.
  if (chunks.length !== until - from + 1) throw new Error('Chunks of the file are gone.');
  return chunks;
}
