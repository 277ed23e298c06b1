/** Which bytes an answer carries: all, `first` to `last` of them, or none because the wish lies past the end. */
export type ByteRange = Readonly<{ first: number; last: number }> | 'whole' | 'unsatisfiable';

/** Reads one byte range (RFC 9110 section 14.1.2). Several ranges, other units and nonsense mean the whole, as the RFC allows. */
export function readRange(header: string | undefined, size: number): ByteRange {
  const [, first = '', last = ''] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'whole';
  if (first === '') return fromEnd(Number(last), size);
  if (last !== '' && Number(last) < Number(first)) return 'whole';
  if (Number(first) >= size) return 'unsatisfiable';
  return { first: Number(first), last: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

function fromEnd(length: number, size: number): ByteRange {
  if (length === 0 || size === 0) return 'unsatisfiable';
  return { first: Math.max(0, size - length), last: size - 1 };
}

type Header = (name: string) => string | undefined;

/** Whether the caller has this version already (RFC 9110 section 13.1.2 and 13.1.3). `modifiedMs` is in whole seconds. */
export function isNotModified(header: Header, etag: string, modifiedMs: number): boolean {
  const tags = header('if-none-match');
  if (tags !== undefined) {
    const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
    return tags.trim() === '*' || tags.split(',').some((tag) => opaque(tag) === etag);
  }
  const since = Date.parse(header('if-modified-since') ?? '');
  return !Number.isNaN(since) && modifiedMs <= since;
}

/** Whether `If-Range` allows a part (RFC 9110 section 13.1.5): strong comparison, or the very date. */
export function allowsRange(header: Header, etag: string, lastModified: string): boolean {
  const condition = header('if-range')?.trim();
  return condition === undefined || condition === etag || condition === lastModified;
}
