import { readFile, stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Mistake } from './mistake.ts';

/** What stands in the file, or why it cannot be read. */
export type FileReading = Readonly<{ kind: 'text'; text: string }> | Refused;
type Refused = Readonly<{ kind: 'mistakes'; mistakes: readonly Mistake[] }>;

const LARGEST_BYTES = 1_048_576;
/** Whoever writes without renaming is seen in the act: two readings this far apart must agree. */
const SETTLE_MS = 25;
const MOST_ATTEMPTS = 20;

/** A file that is written all the time: nobody knows which of its texts is a whole one. */
export const RESTLESS = refuse('expected a file at rest, found one that is being written all the time');

/** Reads until two readings agree, so that a half-written file is not taken for a whole one. */
export async function readSettledFile(file: string): Promise<FileReading> {
  let last = await readTableFile(file);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    await wait(SETTLE_MS);
    const next = await readTableFile(file);
    if (keyOf(next) === keyOf(last)) return next;
    last = next;
  }
  return RESTLESS;
}

/** Equal for readings that say the same. */
export function keyOf(reading: FileReading): string {
  return reading.kind === 'text'
    ? `text ${reading.text}`
    : `mistakes ${reading.mistakes.map(({ message }) => message)}`;
}

async function readTableFile(file: string): Promise<FileReading> {
  try {
    const { size } = await stat(file);
    if (size > LARGEST_BYTES) return refuse('expected at most 1 MiB of text, found a larger file');
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)) };
  } catch (error) {
    return refuse(describeTrouble(error));
  }
}

function refuse(message: string): Refused {
  return { kind: 'mistakes', mistakes: [{ line: 1, column: 1, path: '', message }] };
}

const TROUBLES: Readonly<Record<string, string>> = {
  ENOENT: 'expected a route table, found no such file',
  EACCES: 'expected a readable file, found one that this process has no right to read',
  EISDIR: 'expected a file, found a folder',
  ENOTDIR: 'expected a route table, found no such folder',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'expected plain text in UTF-8, found a byte that is none',
};

function describeTrouble(error: unknown): string {
  const code = isCoded(error) ? error.code : 'an unexpected fault';
  return TROUBLES[code] ?? `expected a readable file, found ${code}`;
}

// Not `instanceof Error`: what Node's own modules throw is another realm's Error where code runs in a vm context.
function isCoded(error: unknown): error is Readonly<{ code: string }> {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string';
}
