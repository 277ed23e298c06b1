import { findNearest } from './mistake.ts';

// How the rules of `mirror:` name a place of an answer: the paths that differences have (see Difference in the vocabulary).

export type MirrorPlace = 'pointer' | 'status' | 'body' | 'header' | 'cookie' | 'rows' | 'column';

/** A path as written, its parts taken apart: the steps of a pointer or a column, the name of a header, a cookie or a table. */
export type MirrorPath = Readonly<{
  place: MirrorPlace;
  text: string;
  name: string;
  steps: readonly string[];
}>;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/**
 * RFC 6901 without empty steps. `*` stands for any step, and only for a whole one. A step of digits would be one place of a list:
 * differences do not tell places, so such a rule would never hold.
 */
const STEPS = '(?:/(?:\\*|(?!\\d+(?:/|$))(?:[^~/*]|~[01])+))';
const TABLE = '[a-z_][a-z0-9_]{0,62}';
const COOKIE_ATTRIBUTES = [
  'path',
  'domain',
  'expires',
  'max-age',
  'secure',
  'httponly',
  'samesite',
  'partitioned',
  'priority',
  'version',
  'comment',
];

const PATTERNS: Readonly<Record<MirrorPlace, string>> = {
  pointer: `${STEPS}+`,
  status: 'status',
  body: 'body',
  header: `header:${TOKEN}`,
  cookie: `cookie:${TOKEN}(?:;(?:${COOKIE_ATTRIBUTES.join('|')}))?`,
  rows: `rows:${TABLE}`,
  column: `rows:${TABLE}${STEPS}+`,
};

const LONGEST_PATH = 512;

/** The pattern of paths to these places, for editors and for checking. */
export function patternOf(places: readonly MirrorPlace[]): string {
  return `^(?:${places.map((place) => PATTERNS[place]).join('|')})$`;
}

const MATCHERS = Object.entries(PATTERNS).map(
  ([place, pattern]) => [place as MirrorPlace, new RegExp(`^${pattern}$`)] as const,
);

export function parseMirrorPath(text: string): MirrorPath | undefined {
  if (text.length > LONGEST_PATH) return undefined;
  const place = MATCHERS.find(([, matcher]) => matcher.test(text))?.[0];
  return place && { place, text: normalisePath(place, text), ...takeApart(place, text) };
}

/** Names of headers mean the same in either case. */
function normalisePath(place: MirrorPlace, text: string): string {
  return place === 'header' ? text.toLowerCase() : text;
}

function takeApart(place: MirrorPlace, text: string): Pick<MirrorPath, 'name' | 'steps'> {
  const [name = '', ...steps] = text.replace(/^\w+:/, '').split('/');
  const isSplit = place === 'pointer' || place === 'column';
  return isSplit
    ? { name, steps: steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')) }
    : { name: place === 'rows' ? name : text.replace(/^\w+:/, '').replace(/;.*$/, ''), steps: [] };
}

const PREFIXES = ['header', 'cookie', 'rows'];

/** The path that a mistyped one most likely meant, if there is one. */
export function findNearestPath(wrong: string, places: readonly MirrorPlace[]): string | undefined {
  if (wrong.length > LONGEST_PATH) return undefined;
  const candidates = [
    nearestPrefix(wrong),
    nearestAttribute(wrong),
    nearestWord(wrong),
    nearestPointer(wrong),
  ];
  return candidates.find((candidate) => {
    const path = candidate === undefined ? undefined : parseMirrorPath(candidate);
    return path && places.includes(path.place);
  });
}

function nearestPrefix(wrong: string): string | undefined {
  const [, prefix = '', rest] = /^([^:/;]*):(.*)$/s.exec(wrong) ?? [];
  const nearest = rest && findNearest(prefix, PREFIXES);
  return nearest && `${nearest}:${rest}`;
}

function nearestAttribute(wrong: string): string | undefined {
  const [, name, attribute] = /^(cookie:[^;]+);\s*(.+)$/s.exec(wrong) ?? [];
  const nearest = attribute && findNearest(attribute, COOKIE_ATTRIBUTES);
  return nearest && `${name};${nearest}`;
}

function nearestWord(wrong: string): string | undefined {
  return findNearest(wrong, ['status', 'body']);
}

/** `created_at`, `items.id`, `$.items[0].id`, `/items/0/id`, `/items/`: other ways to write a place, as pointers. */
function nearestPointer(wrong: string): string | undefined {
  if (wrong.includes(':')) return undefined;
  const steps = wrong
    .replace(/^\$/, '')
    .replace(/\[(?:\d+|\*)?\]/g, '.*')
    .split(/[./]/)
    .filter((step) => step !== '')
    .map((step) => (/^\d+$/.test(step) ? '*' : step));
  return steps.length > 0 ? `/${steps.join('/')}` : undefined;
}
