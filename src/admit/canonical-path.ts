/**
 * One reading of a path. What goes on is what came in, byte for byte, so nothing is ever normalised: a path that some server
 * could read in a second way is refused instead (faults rows 38 to 43). Every path that passes
 * - consists of what a browser leaves as it is (WHATWG URL, path percent-encode set) and of whole escapes,
 * - has no empty, dotted or `;` segment, and no segment that ends in a dot or space (Windows drops those),
 * - escapes only what needs it, in valid UTF-8, and decoding it twice yields no separator, dot or control character either.
 * Letter case counts. The case of an escape's two hex digits does not: both forms are in use and mean the same.
 */
export function isCanonicalPath(path: string): boolean {
  if (!SHAPE.test(path) || path.includes('//') || LOOSE_END.test(path)) return false;
  if (!path.includes('%')) return true;
  if (hasAmbiguousEscape(path)) return false;
  for (let decoded = path; decoded.includes('%25'); ) {
    decoded = decoded.replaceAll('%25', '%');
    if (hasAmbiguousEscape(decoded)) return false;
  }
  return true;
}

const SHAPE = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,=:@[\]|/]|%[0-9A-Fa-f]{2})*$/;
const LOOSE_END = /(?:\.|%20)(?:\/|$)/;
const ESCAPES = /(?:%[0-9A-Fa-f]{2})+/g;
// Unreserved characters need no escape (RFC 3986 section 2.3); separators, control characters, and the look-alikes that
// compatibility folding (NFKC) turns into a dot, slash, backslash or percent sign have no business in a path.
const AMBIGUOUS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /[A-Za-z0-9\-._~/\\\u0000-\u001f\u007f-\u009f\u2024\u2025\ufe52\ufe68\ufe6a\uff05\uff0e\uff0f\uff3c]/;

function hasAmbiguousEscape(path: string): boolean {
  return (path.match(ESCAPES) ?? []).some((run) => {
    const text = decodeUtf8(run);
    return text === undefined || AMBIGUOUS.test(text);
  });
}

// Refuses overlong forms, surrogates and cut sequences: V8's decoder is strict (ECMA-262, Decode).
function decodeUtf8(run: string): string | undefined {
  try {
    return decodeURIComponent(run);
  } catch {
    return undefined;
  }
}
