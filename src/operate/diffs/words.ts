import type {
  DifferenceKind,
  DiffGroup,
  KeptSample,
  NotComparedReason,
  Replayed,
  ValueShape,
} from '../../vocabulary/index.ts';

// What the command line, the report and the console say of differences: one place, so that they say the same.

/** A difference’s path in words: `the header etag`, `/results/count in the body`. */
export function describePath(path: string): string {
  const [, kind, rest = ''] = /^(header|cookie|rows):(.*)$/s.exec(path) ?? [];
  if (path === 'status') return 'the status';
  if (path === 'body') return 'the whole body';
  if (kind === 'header') return `the header ${rest}`;
  if (kind === 'cookie') return describeCookie(rest);
  if (kind === 'rows') return describeRows(rest);
  if (path === '…') return 'places of which there were too many to tell apart';
  if (path.endsWith('/…')) return `places below ${path.slice(0, -2)}`;
  return `${path} in the body`;
}

function describeCookie(rest: string): string {
  const [name, attribute] = rest.split(/;(.*)/s);
  return attribute === undefined ? `the cookie ${name}` : `the attribute ${attribute} of the cookie ${name}`;
}

function describeRows(rest: string): string {
  const [table, column] = rest.split(/\/(.*)/s);
  return column === undefined
    ? `a row written to ${table}`
    : `the column ${column} of the rows written to ${table}`;
}

const STORIES: Readonly<Record<DifferenceKind, (place: string, types: string) => string>> = {
  missing: (place) => `The new side leaves out ${place}.`,
  extra: (place) => `The new side adds ${place}, which legacy does not have.`,
  type: (place, types) => `The type of ${place} differs: ${types}.`,
  value: (place) => `The value of ${place} differs.`,
  order: (place) => `The order of ${place} differs; the items are the same.`,
  precision: (place) => `The number in ${place} is written differently or has lost digits.`,
};

/** One sentence that a person can act on. */
export function describeGroup({ path, kind, types }: Pick<DiffGroup, 'path' | 'kind' | 'types'>): string {
  return STORIES[kind](describePath(path), types);
}

const SHAPES: Readonly<Record<ValueShape['type'], (length: number | undefined) => string>> = {
  absent: () => 'nothing',
  null: () => 'null',
  boolean: () => 'true or false',
  number: (length) => `number${count(length, 'character')}`,
  string: (length) => `text${count(length, 'character')}`,
  list: (length) => `list${count(length, 'item')}`,
  object: (length) => `object${count(length, 'member')}`,
  bytes: (length) => `bytes${count(length, 'byte')}`,
};

type Shape = Readonly<{
  type: ValueShape['type'];
  length?: number | undefined;
  clear?: string | undefined;
}>;

/** `text, 12 characters`; the value itself where the table lets it be kept. */
export function describeShape({ type, length, clear }: Shape): string {
  return clear ?? SHAPES[type](length);
}

function count(number: number | undefined, what: string): string {
  if (number === undefined) return '';
  return `, ${number.toLocaleString('en')} ${what}${number === 1 ? '' : 's'}`;
}

/** Why nothing was compared, and whether that is a trouble. The same words as docs/shadow.md, shorter. */
export const NOT_COMPARED_WORDS: Readonly<Record<NotComparedReason, string>> = {
  body_too_large: 'a body was longer than is kept',
  answer_broken: 'an answer broke off before its end',
  too_complex: 'an answer was too deep or too long to compare in time',
  legacy_failed: 'legacy failed, so there was nothing to compare with',
  new_too_slow: 'the new side took too long',
  legacy_too_slow: 'legacy took too long when it was asked again',
  rows_not_followed: 'nobody carries legacy’s rows of this tenant over',
  rows_apart: 'the new side has written rows of its own for this tenant',
  rows_behind: 'legacy’s rows had not arrived in time',
  rows_in_motion: 'the rows changed too often around the request',
  concurrent_write: 'other requests wrote at the same moment, and which write was whose cannot be told',
  store_unavailable: 'the new store was not available',
  shadow_failed: 'the comparison itself failed',
};

export const REPLAY_WORDS: Readonly<Record<KeptSample['replay'], string>> = {
  possible: 'can be run again',
  unsafe_method: 'cannot be run again: it would write',
  holds_a_secret: 'cannot be run again: it holds a secret, which is not kept',
  no_key: 'cannot be run again: no key was set to keep requests with',
  too_large: 'cannot be run again: it was too large to keep',
};

/** What became of one sample that was run again. */
export function describeReplayed(replayed: Replayed): string {
  if (replayed.verdict === 'same') return 'both sides agree now';
  if (replayed.verdict === 'different')
    return `still differs: ${[...new Set(replayed.differences.map(({ path }) => path))].join(', ')}`;
  const { reason } = replayed;
  return reason in NOT_COMPARED_WORDS
    ? `not compared: ${NOT_COMPARED_WORDS[reason as NotComparedReason]}`
    : REPLAY_WORDS[reason as KeptSample['replay']];
}
