import { DEFAULT_MIRROR_RULES, type MirrorRules } from '../vocabulary/index.ts';
import type { Draft, MirrorDraft } from './draft.ts';
import { parseMirrorPath } from './mirror-path.ts';
import type { RawMirror } from './mirror-schema.ts';
import { suggestNearest, type TablePath } from './mistake.ts';
import type { Complain } from './table-rules.ts';

/**
 * A route's rules and those of all routes, joined: lists are put together, in mappings the route's own word stands, as does its
 * percentage. Undefined where neither says anything.
 */
export function joinMirror(all: RawMirror | undefined, own: RawMirror | undefined): MirrorRules | undefined {
  if (!all && !own) return undefined;
  const join = <Item>(pick: (raw: RawMirror) => readonly Item[] | undefined) => [
    ...new Set([all, own].flatMap((raw) => (raw && pick(raw)) ?? [])),
  ];
  const merge = <Value>(pick: (raw: RawMirror) => Readonly<Record<string, Value>> | undefined) =>
    Object.entries({ ...(all && pick(all)), ...(own && pick(own)) });
  const lists = new Map(join(({ unordered }) => unordered).map((entry) => [entry.list, entry]));
  return {
    percent: own?.percent ?? all?.percent ?? DEFAULT_MIRROR_RULES.percent,
    ignore: join(({ ignore }) => ignore),
    unordered: [...lists.values()],
    tolerance: merge(({ tolerance }) => tolerance).map(([pointer, within]) => ({ pointer, within })),
    equal: merge(({ equal }) => equal).map(([pointer, format]) => ({ pointer, format })),
    headers: all?.headers || own?.headers ? join(({ headers }) => headers) : undefined,
    clear: join(({ clear }) => clear),
  };
}

/** The rules about mirror that look at more than one place: each path once, and only tables that some feature has. */
export function checkMirrors({ mirrors, features }: Draft, complain: Complain): void {
  const listed = features.flatMap(({ tables }) => tables);
  // A table whose name could not be read is a mistake of its own, and may be the one that is meant.
  const tables = listed.includes(undefined) ? undefined : new Set(listed as string[]);
  for (const mirror of mirrors) {
    checkRepeats(mirror, complain);
    if (tables) for (const place of mirror.places) checkTable(place, tables, complain);
  }
}

function checkRepeats({ places }: MirrorDraft, complain: Complain): void {
  const seen = new Set<string>();
  for (const { key, text, path, part } of places) {
    const id = `${key} ${text}`;
    if (seen.has(id)) complain(path, `expected each path once, found "${text}" again`, part);
    seen.add(id);
  }
}

type Place = MirrorDraft['places'][number];

function checkTable({ key, text, path, part }: Place, tables: ReadonlySet<string>, complain: Complain): void {
  const parsed = key === 'headers' ? undefined : parseMirrorPath(text);
  if (parsed?.place !== 'rows' && parsed?.place !== 'column') return;
  if (!tables.has(parsed.name))
    complain(
      path,
      () =>
        `expected a table listed under a feature, found "${text}"${suggestTable(text, parsed.name, tables)}`,
      part,
    );
}

function suggestTable(text: string, name: string, tables: ReadonlySet<string>): string {
  return suggestNearest(name, tables).replace(/"(.*)"/, (_, table) => `"${text.replace(name, table)}"`);
}

/** Every path and name that a mirror block holds, as far as it could be read. */
export function listPlaces(raw: Readonly<Record<string, unknown>>, at: TablePath): readonly Place[] {
  return Object.entries(raw).flatMap(([key, value]) => {
    if (Array.isArray(value)) return value.flatMap((item, index) => readItem(key, item, [...at, key, index]));
    if (typeof value !== 'object' || value === null) return [];
    return Object.keys(value).map((text) => ({ key, text, path: [...at, key, text], part: 'key' as const }));
  });
}

function readItem(key: string, item: unknown, path: TablePath): readonly Place[] {
  if (typeof item === 'string') return [{ key, text: item, path, part: 'value' }];
  const named = typeof item === 'object' && item !== null ? (item as { list?: unknown }).list : undefined;
  return typeof named === 'string' ? [{ key, text: named, path: [...path, 'list'], part: 'value' }] : [];
}
