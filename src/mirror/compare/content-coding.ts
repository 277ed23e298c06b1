import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

/** A body without its content coding. */
export type Decoded =
  | Readonly<{ kind: 'decoded'; bytes: Uint8Array }>
  /** Larger than the bound: a small body can hold a large one. */
  | Readonly<{ kind: 'larger' }>
  /** Another coding, or not what it says it is: the bytes as they came. */
  | Readonly<{ kind: 'opaque'; bytes: Uint8Array }>;

type Undo = (bytes: Uint8Array, options: Readonly<{ maxOutputLength: number }>) => Uint8Array;

const CODINGS: ReadonlyMap<string, Undo> = new Map<string, Undo>([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['br', brotliDecompressSync],
  ['deflate', inflate],
]);
const MOST_CODINGS = 3;

/** RFC 9110 section 8.4: codings are undone from the last to the first. */
export function decodeBody(bytes: Uint8Array, encoding: string | undefined, most: number): Decoded {
  const names = (encoding ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const codings = names.filter((name) => name !== '' && name !== 'identity').reverse();
  if (codings.length === 0 || bytes.length === 0) return { kind: 'decoded', bytes };
  if (codings.length > MOST_CODINGS) return { kind: 'opaque', bytes };
  let plain = bytes;
  for (const coding of codings) {
    const undo = CODINGS.get(coding);
    const undone = undo ? tryUndo(undo, plain, most) : 'broken';
    if (undone === 'larger') return { kind: 'larger' };
    if (undone === 'broken') return { kind: 'opaque', bytes };
    plain = undone;
  }
  return { kind: 'decoded', bytes: plain };
}

function tryUndo(undo: Undo, bytes: Uint8Array, most: number): Uint8Array | 'larger' | 'broken' {
  try {
    return undo(bytes, { maxOutputLength: most });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'larger' : 'broken';
  }
}

/** Some send the zlib format, as they should, some bare deflate: the first byte tells. */
function inflate(bytes: Uint8Array, options: Readonly<{ maxOutputLength: number }>): Uint8Array {
  return ((bytes[0] ?? 0) & 0x0f) === 8 ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
}
