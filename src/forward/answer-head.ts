// Connection-level headers of an answer end here (RFC 9110 section 7.6.1); Node frames the answer anew for its own connection.
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
// The gateway speaks these itself; the tag is never shown to a client.
const OURS = new Set(['x-request-id', 'x-served-by', 'x-identity-tag']);

export type AnswerHead = Readonly<{
  /** What the client gets. */
  lines: string[];
  /** What of it is legacy's own. */
  own: readonly string[];
  isEventStream: boolean;
  /** Of all transfer codings only "chunked" can be taken off again; a client was promised none (RFC 9112 section 6.1). */
  isReadable: boolean;
  cookies: readonly string[];
}>;

type AnswerName = Readonly<{ key: string; endsHere: boolean }>;

// Legacy uses few names: so many spellings are remembered, others are judged each time.
const MOST_KNOWN = 1_000;
const known = new Map<string, AnswerName>();

function judgeName(name: string): AnswerName {
  const judged = known.get(name);
  if (judged !== undefined) return judged;
  const key = name.toLowerCase();
  const fresh = Object.freeze({ key, endsHere: HOP_BY_HOP.has(key) || OURS.has(key) });
  if (known.size < MOST_KNOWN) known.set(name, fresh);
  return fresh;
}

/**
 * Legacy's header lines with case, order and repeats kept, less those of the connection, plus `added`.
 * `raw` is name and value in turn, as bytes.
 */
export function readAnswerHead(raw: readonly Buffer[], added: readonly string[]): AnswerHead {
  const lines: string[] = [];
  const cookies: string[] = [];
  let nominated: ReadonlySet<string> | undefined;
  let isEventStream = false;
  let coding: string | undefined;
  let isReadable = true;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]?.toString('latin1') ?? '';
    const value = raw[i + 1]?.toString('latin1') ?? '';
    const { key, endsHere } = judgeName(name);
    if (key === 'connection') nominated = joinTokens(nominated, value);
    if (key === 'transfer-encoding') {
      isReadable = coding === undefined && value.toLowerCase() === 'chunked';
      coding = value;
    }
    if (endsHere) continue;
    if (key === 'content-type') isEventStream = /^text\/event-stream/i.test(value);
    if (key === 'set-cookie') cookies.push(value);
    lines.push(name, value);
  }
  const kept = nominated && nominated.size > 0 ? dropNames(lines, nominated) : lines;
  return { lines: kept.concat(added), own: kept, isEventStream, isReadable, cookies };
}

/** A 204 has no length of a body (RFC 9110 section 8.6); a client that believed one would wait for it. */
export function dropLength(lines: readonly string[]): string[] {
  return dropNames(lines, new Set(['content-length']));
}

function joinTokens(known: ReadonlySet<string> | undefined, value: string): ReadonlySet<string> | undefined {
  // What nearly every answer says; both are dropped anyway.
  if (value === 'keep-alive' || value === 'close') return known;
  const tokens = value.split(',').map((token) => token.trim().toLowerCase());
  // Framing never depends on what Connection nominates.
  return new Set([
    ...(known ?? []),
    ...tokens.filter((token) => token !== 'content-length' && token !== 'close'),
  ]);
}

function dropNames(lines: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] ?? '';
    if (!names.has(name.toLowerCase())) kept.push(name, lines[i + 1] ?? '');
  }
  return kept;
}
