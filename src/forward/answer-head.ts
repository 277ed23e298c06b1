import { judgeName } from './field-name.ts';

export type AnswerHead = Readonly<{
  /** What the client gets. */
  lines: string[];
  /** What of it is legacy's own. */
  own: readonly string[];
  isEventStream: boolean;
  cookies: readonly string[];
}>;

/**
 * Legacy's header lines with case, order and repeats kept, less those of the connection, plus `added`.
 * `raw` is name and value in turn, a character a byte.
 */
export function readAnswerHead(raw: readonly string[], added: readonly string[]): AnswerHead {
  const lines: string[] = [];
  const cookies: string[] = [];
  let nominated: ReadonlySet<string> | undefined;
  let isEventStream = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    const { key, endsHere } = judgeName(name);
    if (key === 'connection') nominated = joinTokens(nominated, value);
    if (endsHere) continue;
    if (key === 'content-type') isEventStream = /^text\/event-stream/i.test(value);
    if (key === 'set-cookie') cookies.push(value);
    lines.push(name, value);
  }
  const kept = nominated && nominated.size > 0 ? dropNames(lines, nominated) : lines;
  return { lines: kept.concat(added), own: kept, isEventStream, cookies };
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
