import { fstatSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

export type LineSink = Readonly<{ write(line: string): void; dropped(): number }>;

const MOST_WAITING_BYTES = 4 * 1024 * 1024;
/** PIPE_BUF of Linux (pipe(7)): workers share one pipe, and only so much is written to it in one piece. */
const PIPE_PIECE_BYTES = 4 * 1024;
const PIECE_BYTES = 64 * 1024;
/** Lines wait so long for company: a write of its own for each costs more than everything else that is done for it. */
const COMPANY_MS = 10;

/**
 * One stream for all log lines, bounded: a reader that stalls (a full pipe, a dead disk) costs lines, which are counted, never memory
 * and never a request. Lines leave a few milliseconds after they were written, several at once, and those that still wait leave
 * when the process ends.
 */
export function createLineSink(stream: Writable): LineSink {
  let dropped = 0;
  let isBroken = false;
  let waiting = '';
  let waitingBytes = 0;
  stream.on('error', () => {
    isBroken = true;
  });
  const pieceBytes = isPipe(stream) ? PIPE_PIECE_BYTES : PIECE_BYTES;
  const take = () => {
    const lines = waiting;
    waiting = '';
    waitingBytes = 0;
    return lines;
  };
  const flush = () => {
    if (waiting !== '') stream.write(take());
  };
  atExit.add(() => writeLast(stream, take()));
  return {
    write: (line) => {
      const bytes = Buffer.byteLength(line) + 1;
      const isFull = stream.writableLength + waitingBytes + bytes > MOST_WAITING_BYTES;
      if (isBroken || stream.destroyed || isFull) {
        dropped += 1;
        return;
      }
      if (waitingBytes + bytes > pieceBytes) flush();
      if (waiting === '') setTimeout(flush, COMPANY_MS);
      waiting += `${line}\n`;
      waitingBytes += bytes;
    },
    dropped: () => dropped,
  };
}

// One listener, however many sinks.
const atExit = new Set<() => void>();
process.once('exit', () => {
  for (const write of atExit) write();
});

function isPipe(stream: Writable): boolean {
  return stream === process.stdout && !fstatSync(process.stdout.fd).isFile();
}

/** A file's stream writes later, and there is no later. */
function writeLast(stream: Writable, lines: string): void {
  const { fd } = stream as { fd?: unknown };
  if (lines === '') return;
  try {
    if (typeof fd === 'number' && stream !== process.stdout) writeSync(fd, lines);
    else stream.write(lines);
  } catch {
    // The disk is full, or the pipe has no reader: nobody is left who could be told.
  }
}
