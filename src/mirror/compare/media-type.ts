/** A media type with its parameters, in lower case where case does not matter (RFC 9110 section 8.3.1). */
export type MediaType = Readonly<{ essence: string; charset: string | undefined }>;

/** How a body of a type is compared. */
export type BodyKind = 'json' | 'events' | 'html' | 'text' | 'bytes';

/** Cuts `attachment; filename="a;b.pdf"` into its value and its parameters, names in lower case, quotes undone. */
export function cutParameters(
  text: string,
): Readonly<{ value: string; parameters: ReadonlyMap<string, string> }> {
  const [value = '', ...rest] = splitOutsideQuotes(text, ';');
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name !== '' && !parameters.has(name))
      parameters.set(name, equals < 0 ? '' : unquote(part.slice(equals + 1).trim()));
  }
  return { value: value.trim(), parameters };
}

export function unquote(text: string): string {
  const isQuoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"');
  return isQuoted ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}

/** Splits where the separator stands neither in quotes nor in angle brackets. */
export function splitOutsideQuotes(text: string, separator: ',' | ';'): readonly string[] {
  const parts: string[] = [];
  let [start, closer] = [0, ''];
  for (let i = 0; i < text.length; i++) {
    const letter = text[i] ?? '';
    if (closer === '"' && letter === '\\') i += 1;
    else if (letter === closer) closer = '';
    else if (closer === '' && (letter === '"' || letter === '<')) closer = letter === '"' ? '"' : '>';
    else if (closer === '' && letter === separator) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)];
}

/** Undefined where the header is missing or empty. */
export function readMediaType(text: string | undefined): MediaType | undefined {
  if (text === undefined) return undefined;
  const { value, parameters } = cutParameters(text);
  const essence = value.toLowerCase();
  return essence === '' ? undefined : { essence, charset: parameters.get('charset')?.toLowerCase() };
}

const READABLE = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii']);

export function chooseKind(type: MediaType | undefined): BodyKind {
  if (!type) return 'bytes';
  // RFC 8259 section 8.1: JSON is UTF-8, whatever a charset says.
  if (type.essence === 'application/json' || /^[^/]+\/[^/]+\+json$/.test(type.essence)) return 'json';
  if (type.charset !== undefined && !READABLE.has(type.charset)) return 'bytes';
  if (type.essence === 'text/event-stream') return 'events';
  if (type.essence === 'text/html' || type.essence === 'application/xhtml+xml') return 'html';
  return type.essence.startsWith('text/') ? 'text' : 'bytes';
}
