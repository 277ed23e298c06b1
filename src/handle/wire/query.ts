/** Keys and values of a query string in their order, as Python's `parse_qsl` reads them with blank values kept. */
export type Query = readonly (readonly [key: string, value: string])[];

export function readQuery(text: string): Query {
  return text
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [unquote(part), ''] : [unquote(part.slice(0, at)), unquote(part.slice(at + 1))];
    });
}

/** Of a repeated key the last value counts, as in Django's QueryDict. */
export function findLast(query: Query, key: string): string | undefined {
  return query.findLast(([name]) => name === key)?.[1];
}

/** The query with one key replaced, as DRF's `replace_query_param` writes it: keys sorted, repeated ones kept. */
export function replaceKey(query: Query, key: string, value: string): string {
  const rest = query.filter(([name]) => name !== key);
  const sorted = [...rest, [key, value] as const].toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return sorted.map(([name, each]) => `${quotePlus(name)}=${quotePlus(each)}`).join('&');
}

/** Python's `unquote_plus`: bytes that are no UTF-8 become U+FFFD, a bad escape stays as it is. */
function unquote(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'));
}

function quotePlus(text: string): string {
  return percentEncode(text).replaceAll('%20', '+');
}

/** Python's `quote` with nothing safe but letters, digits and `_.-~`. */
export function percentEncode(text: string): string {
  const encode = (letter: string) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()*]/g, encode);
}
