import { createReadStream, createWriteStream } from 'node:fs';
import { access, rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { CommandRefusal, type Terminal } from './terminal.ts';

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const PIECE_BYTES = 262_144;
/** Rows of a tenant are nobody else's business. */
const OWNER_ONLY = 0o600;

/**
 * Writes an archive into a file that is not there yet, compressed where its name ends in .gz. It has another name until it is whole and
 * `check` has read it; what is left of one that failed is removed. Answers its size.
 */
export async function writeArchiveFile<T>(
  path: string,
  pieces: AsyncIterable<Buffer>,
  check: (archive: AsyncIterable<Buffer>) => Promise<T>,
): Promise<Readonly<{ bytes: number; checked: T }>> {
  await refuseExisting(path);
  const part = `${path}.part`;
  try {
    const file = createWriteStream(part, { mode: OWNER_ONLY, flush: true });
    await (path.endsWith('.gz') ? pipeline(pieces, createGzip(), file) : pipeline(pieces, file));
    const checked = await check(readArchiveFile(part));
    await refuseExisting(path);
    await rename(part, path);
    return { bytes: (await stat(path)).size, checked };
  } catch (error) {
    await rm(part, { force: true });
    throw describe(error, path, 'written');
  }
}

async function refuseExisting(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw new CommandRefusal(`${path} is there already. Name another file, or remove it.`);
}

/** Writes an archive to whoever reads stdout. */
export async function writeArchiveOut(terminal: Terminal, pieces: AsyncIterable<Buffer>): Promise<void> {
  const { streams, screen } = terminal;
  if (streams === undefined || screen !== undefined)
    throw new CommandRefusal('An archive goes into a file or a pipe, not onto a terminal. Name a file.');
  await pipeline(pieces, streams.output, { end: false }).catch((error: unknown) => {
    throw describe(error, 'stdout', 'written');
  });
}

/** The bytes of an archive, unpacked if they are packed, whatever the file is called. `-` is stdin. */
export function readArchive(terminal: Terminal, path: string): AsyncIterable<Buffer> {
  if (path !== '-') return readArchiveFile(path);
  if (terminal.streams === undefined) throw new CommandRefusal('There is no stdin to read an archive from.');
  return unpack(terminal.streams.input, 'stdin');
}

// Opened when it is read: what fails then has somebody to tell.
export async function* readArchiveFile(path: string): AsyncGenerator<Buffer, void, undefined> {
  yield* unpack(createReadStream(path, { highWaterMark: PIECE_BYTES }), path);
}

async function* unpack(source: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer, void, undefined> {
  const bytes = source[Symbol.asyncIterator]();
  try {
    const head = await readHead(bytes);
    yield* head.subarray(0, 2).equals(GZIP_MAGIC) ? gunzip(goOn(head, bytes)) : goOn(head, bytes);
  } catch (error) {
    throw describe(error, name, 'read');
  } finally {
    await bytes.return?.();
  }
}

async function readHead(bytes: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < GZIP_MAGIC.length) {
    const { done, value } = await bytes.next();
    if (done) return head;
    head = Buffer.concat([head, value]);
  }
  return head;
}

async function* goOn(head: Buffer, bytes: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  if (head.length > 0) yield head;
  for (;;) {
    const { done, value } = await bytes.next();
    if (done) return;
    yield value;
  }
}

async function* gunzip(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let packedBytes = 0;
  const counted = async function* () {
    for await (const piece of packed) {
      packedBytes += piece.length;
      yield piece;
    }
  };
  const unpacked = createGunzip();
  // What fails on the way is thrown by the reading below, too.
  const done = pipeline(Readable.from(counted()), unpacked).catch(() => undefined);
  for await (const piece of unpacked) yield piece as Buffer;
  await done;
  // zlib leaves what it does not know behind the end alone.
  if (unpacked.bytesWritten !== packedBytes)
    throw new CommandRefusal('Something comes after the end of the compressed archive: it is damaged.');
}

function describe(error: unknown, name: string, what: 'read' | 'written'): unknown {
  const code = readText(error, 'code');
  if (code.startsWith('Z_'))
    return new CommandRefusal(
      `${name} is damaged: it cannot be unpacked (${code}). Nothing of it was restored.`,
    );
  if (code === 'EPIPE')
    return new CommandRefusal(`Whoever was to read ${name} has gone. The export is not whole.`);
  if (code === 'ENOENT')
    return new CommandRefusal(`${name} cannot be ${what}: there is no such file or folder.`);
  if (readText(error, 'syscall') !== '') return new CommandRefusal(`${name} cannot be ${what} (${code}).`);
  return error;
}

function readText(error: unknown, key: string): string {
  const text: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, key) : undefined;
  return typeof text === 'string' ? text : '';
}
