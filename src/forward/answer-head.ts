import type { AnswerForm } from './answer-form.ts';
import { judgeName } from './field-name.ts';

export type AnswerHead = Readonly<{
  /** What the client gets. */
  lines: string[];
  /** So much at its beginning is legacy's own. */
  ownLength: number;
  isEventStream: boolean;
  cookies: readonly string[];
}>;

/** What is known of all answers of one form: which of its lines go on, by the places of their names. */
type Familiar = Readonly<{ places: readonly number[]; isEventStream: boolean }>;
const familiar = new WeakMap<AnswerForm, Familiar>();
const NONE: readonly string[] = [];

/**
 * Legacy's header lines with case, order and repeats kept, less those of the connection, plus `added`.
 * `raw` is name and value in turn, a character a byte.
 */
export function readAnswerHead(
  raw: readonly string[],
  added: readonly string[],
  form?: AnswerForm,
): AnswerHead {
  const known = form && familiar.get(form);
  if (known !== undefined) return pickLines(raw, added, known);
  const lines: string[] = [];
  const places: number[] = [];
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
    places.push(i);
  }
  const dropsMore = nominated !== undefined && nominated.size > 0;
  const kept = nominated && dropsMore ? dropNames(lines, nominated) : lines;
  if (form !== undefined && !dropsMore && cookies.length === 0) familiar.set(form, { places, isEventStream });
  const ownLength = kept.length;
  kept.push(...added);
  return { lines: kept, ownLength, isEventStream, cookies };
}

function pickLines(
  raw: readonly string[],
  added: readonly string[],
  { places, isEventStream }: Familiar,
): AnswerHead {
  const lines: string[] = [];
  for (const place of places) lines.push(raw[place] as string, raw[place + 1] as string);
  const ownLength = lines.length;
  lines.push(...added);
  return { lines, ownLength, isEventStream, cookies: NONE };
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
