// The places that differences have, as the vocabulary writes them. A place is kept as its steps, the first of which names the space:
// `status`, `header:`, `cookie:`, `rows:`, or '' for the body. Places in lists are `*`, and so are keys that look like data: what
// people store as keys must not be told by a path, and a map of a thousand keys is one place.

export const STATUS = 'status';
export const HEADER = 'header:';
export const COOKIE = 'cookie:';
export const ROWS = 'rows:';
export const BODY = '';
export const ANY = '*';

/** Attributes of cookies that are told by their names; any other is `*`. */
export const COOKIE_ATTRIBUTES: ReadonlySet<string> = new Set([
  'expires',
  'max-age',
  'domain',
  'path',
  'secure',
  'httponly',
  'samesite',
  'partitioned',
  'priority',
]);

const LONGEST_KEY = 48;
const LONGEST_WORD = 20;
const IDENTIFIER = /^[$@_]?[A-Za-z_][A-Za-z0-9_-]*$/;
/** `sha256_sum` has one number in it, a short one, at the end of a word. */
const NUMBERS = /\d{4}|\d\D+\d|[A-Za-z]{3}\d+[a-z]{3}/;
/** `SHA256` is a name, `AKIAIOSFODNN7EXAMPLE` is none. */
const CODE = /^(?=.{9})[A-Z-]*\d[A-Z\d-]*$/;

/**
 * Is a key a name that programmers gave, or something that was stored: an id, a date, an address, a person? One word of letters may be either,
 * and is taken for a name.
 */
export function looksLikeData(key: string): boolean {
  if (key === ANY) return false;
  if (key.length > LONGEST_KEY || !IDENTIFIER.test(key)) return true;
  return NUMBERS.test(key) || CODE.test(key) || hasLongWord(key);
}

function hasLongWord(key: string): boolean {
  const words = key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').split(/[_-]/);
  return words.some((word) => word.length > LONGEST_WORD);
}

/** The steps' own text. */
export function printPath(steps: readonly string[]): string {
  return printSteps(steps, generaliseStep);
}

/** The same for many paths, most of which are the one before once more, or made of steps that were judged already. */
export function openPathPrinter(): (steps: readonly string[]) => string {
  const known = new Map<string, string>();
  const generalise = (step: string) => {
    const shown = known.get(step) ?? generaliseStep(step);
    known.set(step, shown);
    return shown;
  };
  let last: Readonly<{ steps: readonly string[]; path: string }> = { steps: [STATUS], path: STATUS };
  return (steps) => {
    if (!areSameSteps(steps, last.steps)) last = { steps: [...steps], path: printSteps(steps, generalise) };
    return last.path;
  };
}

function areSameSteps(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  // From the end, where paths differ first.
  for (let i = one.length - 1; i >= 0; i--) if (one[i] !== other[i]) return false;
  return true;
}

/** Nothing is left to be escaped: what has a slash or a tilde looks like data. */
function printSteps(steps: readonly string[], generalise: (step: string) => string): string {
  const [space = BODY, ...rest] = steps;
  if (space === STATUS || (space === BODY && rest.length === 0)) return space || 'body';
  if (space === COOKIE) return `${COOKIE}${rest.map(generaliseCookie).join('')}`;
  const shown = rest.map(generalise).join('/');
  return space === BODY ? `/${shown}` : `${space}${shown}`;
}

const generaliseStep = (step: string) => (looksLikeData(step) ? ANY : step);

/** `connect.sid` is a usual name among cookies. */
function generaliseCookie(step: string): string {
  if (step.startsWith(';')) return COOKIE_ATTRIBUTES.has(step.slice(1)) ? step : `;${ANY}`;
  return looksLikeData(step.replaceAll('.', '_')) ? ANY : step;
}

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
