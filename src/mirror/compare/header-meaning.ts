import { cutParameters, splitOutsideQuotes } from './media-type.ts';

// What header lines say, as texts that are equal where their meaning is. Names, spaces, and the order of what has none do not matter.

type Meaning = (lines: readonly string[], host: string | undefined) => readonly string[];

const tidy = (text: string) => text.trim().replace(/[ \t]+/g, ' ');
const lower = (text: string) => tidy(text).toLowerCase();
const items = (lines: readonly string[]) =>
  lines.flatMap((line) => splitOutsideQuotes(line, ',')).flatMap((item) => tidy(item) || []);
const asSet = (all: readonly string[]) => [[...new Set(all)].sort().join(', ')];

/** One value per line, as it stands. */
const asText: Meaning = (lines) => lines.map(tidy);
const asWord: Meaning = (lines) => lines.map(lower);
/** RFC 9110 section 5.3: two lines of a list are one list. */
const asSetOfNames: Meaning = (lines) => asSet(items(lines).map((item) => item.toLowerCase()));
const asSetOfTokens: Meaning = (lines) => asSet(items(lines));
const asListOfNames: Meaning = (lines) => [
  items(lines)
    .map((item) => item.toLowerCase())
    .join(', '),
];

/** `no-cache`, `max-age=60`: names in any case and order. */
function asDirectives(separator: ',' | ';'): Meaning {
  return (lines) =>
    asSet(
      lines
        .flatMap((line) => splitOutsideQuotes(line, separator))
        .flatMap((item) => (tidy(item) === '' ? [] : lowerName(tidy(item)))),
    );
}

const lowerName = (directive: string) =>
  directive.replace(/^[^=\s]+/, (name) => name.toLowerCase()).replace(/\s*=\s*/, '=');

const asParameters: Meaning = (lines) =>
  lines.map((line) => {
    const { value, parameters } = cutParameters(line);
    const told = [...parameters].map(
      ([name, text]) => `${name}=${JSON.stringify(readParameter(name, text))}`,
    );
    return [value.toLowerCase(), ...told.sort()].join('; ');
  });

function readParameter(name: string, text: string): string {
  if (name === 'charset') return text.toLowerCase();
  // RFC 8187: the charset's case and that of percent-encoding do not matter.
  return name.endsWith('*') ? text.replace(/^[^']*|%[0-9a-f]{2}/gi, (part) => part.toLowerCase()) : text;
}

const ORIGIN = /^(https?):\/\/([^/?#]*)/i;

/** An absolute location at the host that was asked is the same as its path alone. */
const asLocation: Meaning = (lines, host) =>
  lines.map((line) => {
    const [origin, scheme = '', authority = ''] = ORIGIN.exec(line) ?? [];
    if (origin === undefined) return line;
    const rest = line.slice(origin.length);
    const path = rest.startsWith('/') ? rest : `/${rest}`;
    const isOwn = host !== undefined && authority.toLowerCase() === host.toLowerCase();
    return isOwn ? path : `${scheme.toLowerCase()}://${authority.toLowerCase()}${path}`;
  });

/** Sources of a policy are a set, and so are its directives. */
const asPolicy: Meaning = (lines) =>
  lines.map((line) => {
    const directives = line.split(';').flatMap((part) => {
      const [name = '', ...sources] = tidy(part).split(' ');
      return name === '' ? [] : [[name.toLowerCase(), ...sources.sort()].join(' ')];
    });
    return directives.sort().join('; ');
  });

const asLinks: Meaning = (lines) =>
  items(lines).map((link) => splitOutsideQuotes(link, ';').map(tidy).join('; '));

const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ['content-type', asParameters],
  ['content-disposition', asParameters],
  ['location', asLocation],
  ['content-location', asLocation],
  ['cache-control', asDirectives(',')],
  ['strict-transport-security', asDirectives(';')],
  ['content-security-policy', asPolicy],
  ['vary', asSetOfNames],
  ['access-control-allow-headers', asSetOfNames],
  ['access-control-expose-headers', asSetOfNames],
  ['allow', asSetOfTokens],
  ['access-control-allow-methods', asSetOfTokens],
  ['accept-ranges', asSetOfNames],
  ['content-language', asListOfNames],
  ['content-encoding', asListOfNames],
  ['referrer-policy', asListOfNames],
  ['x-frame-options', asWord],
  ['x-content-type-options', asWord],
  ['link', asLinks],
]);

/** `host`: the authority that was asked, if it is known. */
export function readMeaning(
  name: string,
  lines: readonly string[],
  host: string | undefined,
): readonly string[] {
  return (MEANINGS.get(name) ?? asText)(lines, host);
}
