/** The headers that are compared unless the table names others; `access-control-*` is all that begin so. */
export const COMPARED_HEADERS = [
  'content-type',
  'location',
  'cache-control',
  'content-disposition',
  'content-range',
  'content-language',
  'content-encoding',
  'accept-ranges',
  'etag',
  'last-modified',
  'vary',
  'allow',
  'www-authenticate',
  'retry-after',
  'link',
  'x-frame-options',
  'x-content-type-options',
  'referrer-policy',
  'cross-origin-opener-policy',
  'content-security-policy',
  'strict-transport-security',
  'access-control-*',
] as const;

/** Never compared, even where the table names them: how bytes are carried, and who carries them. Cookies have paths of their own. */
export const NEVER_COMPARED = [
  'content-length',
  'transfer-encoding',
  'date',
  'server',
  'connection',
  'keep-alive',
  'trailer',
  'set-cookie',
] as const;

const NEVER: ReadonlySet<string> = new Set(NEVER_COMPARED);

const isUsual = compileNames(COMPARED_HEADERS);

/** The lines of each compared header, names in lower case, in the order of their names. */
export function pickHeaders(
  headers: readonly string[],
  named: readonly string[] | undefined,
): ReadonlyMap<string, readonly string[]> {
  const isNamed = named ? compileNames(named) : isUsual;
  const picked = new Map<string, string[]>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase();
    if (NEVER.has(name) || !isNamed(name)) continue;
    const lines = picked.get(name);
    const line = (headers[i + 1] ?? '').trim();
    if (lines) lines.push(line);
    else picked.set(name, [line]);
  }
  return picked;
}

export function findHeader(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if ((headers[i] ?? '').toLowerCase() === name) return headers[i + 1];
  return undefined;
}

export function findLines(headers: readonly string[], name: string): readonly string[] {
  const lines: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2)
    if ((headers[i] ?? '').toLowerCase() === name) lines.push(headers[i + 1] ?? '');
  return lines;
}

function compileNames(names: readonly string[]): (name: string) => boolean {
  const exact = new Set(names);
  const beginnings = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  return (name) => exact.has(name) || beginnings.some((beginning) => name.startsWith(beginning));
}
