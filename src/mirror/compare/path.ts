// The places that differences have, as the vocabulary writes them. A place is kept as its steps, the first of which names the space:
// `status`, `header:`, `cookie:`, `rows:`, or '' for the body. Places in lists are `*`, and so are keys that look like data: what
// people store as keys must not be told by a path, and a map of a thousand keys is one place.

export const STATUS = 'status';
export const HEADER = 'header:';
export const COOKIE = 'cookie:';
export const ROWS = 'rows:';
export const BODY = '';
export const ANY = '*';

const LONGEST_KEY = 48;
const LONGEST_WORD = 20;
const MOST_DIGITS = 4;
const MOST_CHANGES = 3;
const IDENTIFIER = /^[$@_]?[A-Za-z_][A-Za-z0-9_-]*$/;

/** Is a key a name that programmers gave, or something that was stored: an id, a date, an address, a person? */
export function looksLikeData(key: string): boolean {
  if (key === ANY) return false;
  if (key.length > LONGEST_KEY || !IDENTIFIER.test(key)) return true;
  if ((key.match(/\d/g)?.length ?? 0) > MOST_DIGITS) return true;
  // `sha256_sum` changes twice between letters and digits, `Tr0ub4dor3` five times.
  const changes = key.match(/[A-Za-z](?=\d)|\d(?=[A-Za-z])/g)?.length ?? 0;
  return changes > MOST_CHANGES || hasLongWord(key);
}

function hasLongWord(key: string): boolean {
  const words = key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').split(/[_-]/);
  return words.some((word) => word.length > LONGEST_WORD);
}

/** The steps' own text. */
export function printPath(steps: readonly string[]): string {
  const [space = BODY, ...rest] = steps;
  const shown = rest.map(generaliseStep);
  switch (space) {
    case STATUS:
      return STATUS;
    case BODY:
      return shown.length === 0 ? 'body' : shown.map((step) => `/${escapeStep(step)}`).join('');
    case ROWS:
      return `${ROWS}${shown.map(escapeStep).join('/')}`;
    case COOKIE:
      return `${COOKIE}${rest.map(generaliseCookie).join('')}`;
    default:
      return `${space}${shown.join('')}`;
  }
}

const generaliseStep = (step: string) => (looksLikeData(step) ? ANY : step);

/** `connect.sid` is a usual name among cookies. */
function generaliseCookie(step: string): string {
  if (step.startsWith(';')) return `;${generaliseStep(step.slice(1))}`;
  return looksLikeData(step.replaceAll('.', '_')) ? ANY : step;
}

const escapeStep = (step: string) => step.replaceAll('~', '~0').replaceAll('/', '~1');
const unescapeStep = (step: string) => step.replaceAll('~1', '/').replaceAll('~0', '~');

/** Undefined where a text names no place. */
export function parsePath(text: string): readonly string[] | undefined {
  if (text === STATUS) return [STATUS];
  if (text === 'body' || text === '') return [BODY];
  if (text.startsWith('/')) return [BODY, ...text.slice(1).split('/').map(unescapeStep)];
  if (text.startsWith(HEADER)) return [HEADER, text.slice(HEADER.length).toLowerCase()];
  if (text.startsWith(ROWS)) return [ROWS, ...text.slice(ROWS.length).split('/').map(unescapeStep)];
  return text.startsWith(COOKIE) ? [COOKIE, ...splitCookie(text.slice(COOKIE.length))] : undefined;
}

function splitCookie(text: string): readonly string[] {
  const semicolon = text.indexOf(';');
  if (semicolon < 0) return [text];
  return [text.slice(0, semicolon), `;${text.slice(semicolon + 1).toLowerCase()}`];
}
