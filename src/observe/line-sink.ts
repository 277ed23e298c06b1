import type { Writable } from 'node:stream';

export type LineSink = Readonly<{ write(line: string): void; dropped(): number }>;

const MOST_WAITING_BYTES = 4 * 1024 * 1024;
/** PIPE_BUF of Linux (pipe(7)): several processes may share one pipe, and only so much is written in one piece. */
const MOST_AT_ONCE_BYTES = 4096;

/**
 * One stream for all log lines, bounded: a reader that stalls (a full pipe, a dead disk) costs lines, which are counted, never memory
 * and never a request. The lines of one turn of the event loop leave together, before the next turn or the process ends: a write of its own for each costs
 * 3 µs.
 */
export function createLineSink(stream: Writable): LineSink {
  let dropped = 0;
  let isBroken = false;
  let waiting = '';
  let waitingBytes = 0;
  stream.on('error', () => {
    isBroken = true;
  });
  const flush = () => {
    const lines = waiting;
    waiting = '';
    waitingBytes = 0;
    if (lines !== '') stream.write(lines);
  };
  process.once('exit', flush);
  return {
    write: (line) => {
      const bytes = Buffer.byteLength(line) + 1;
      const isFull = stream.writableLength + waitingBytes + bytes > MOST_WAITING_BYTES;
      if (isBroken || stream.destroyed || isFull) {
        dropped += 1;
        return;
      }
      if (waitingBytes + bytes > MOST_AT_ONCE_BYTES) flush();
      if (waiting === '') setImmediate(flush);
      waiting += `${line}\n`;
      waitingBytes += bytes;
    },
    dropped: () => dropped,
  };
}
