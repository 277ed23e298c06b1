import { JsonMistake } from './python-json.ts';

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes bytes as Python's strict UTF-8 codec does. Throws `JsonMistake` in the codec's words. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return STRICT.decode(bytes);
  } catch {
    throw new JsonMistake(describeMistake(bytes));
  }
}

function describeMistake(bytes: Uint8Array): string {
  let at = 0;
  for (;;) {
    const sequence = readSequence(bytes, at);
    if (sequence.reason === undefined) at += sequence.length;
    else return putIntoWords(bytes, at, sequence.length, sequence.reason);
  }
}

type Sequence = Readonly<{ length: number; reason: string | undefined }>;

/** One sequence by the table of the Unicode Standard, section 3.9, table 3-7; a broken one with the length of its good part. */
function readSequence(bytes: Uint8Array, at: number): Sequence {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { length: 1, reason: undefined };
  if (first < 0xc2 || first > 0xf4) return { length: 1, reason: 'invalid start byte' };
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i];
    if (next === undefined) return { length: i, reason: 'unexpected end of data' };
    const [low, high] = i === 1 ? secondByteRange(first) : [0x80, 0xbf];
    if (next < low || next > high) return { length: i, reason: 'invalid continuation byte' };
  }
  return { length, reason: undefined };
}

function secondByteRange(first: number): readonly [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  if (first === 0xf4) return [0x80, 0x8f];
  return [0x80, 0xbf];
}

function putIntoWords(bytes: Uint8Array, at: number, length: number, reason: string): string {
  const byte = (bytes[at] ?? 0).toString(16).padStart(2, '0');
  const where =
    length === 1 ? `byte 0x${byte} in position ${at}` : `bytes in position ${at}-${at + length - 1}`;
  return `'utf-8' codec can't decode ${where}: ${reason}`;
}
