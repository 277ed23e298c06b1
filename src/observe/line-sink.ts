import type { Writable } from 'node:stream';

export type LineSink = Readonly<{ write(line: string): void; dropped(): number }>;

const MOST_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * One stream for all log lines, bounded: a reader that stalls (a full pipe, a dead disk) costs lines, which are counted, never memory
 * and never a request.
 */
export function createLineSink(stream: Writable): LineSink {
  let dropped = 0;
  let isBroken = false;
  stream.on('error', () => {
    isBroken = true;
  });
  return {
    write: (line) => {
      if (isBroken || stream.destroyed || stream.writableLength > MOST_WAITING_BYTES) dropped += 1;
      else stream.write(`${line}\n`);
    },
    dropped: () => dropped,
  };
}
