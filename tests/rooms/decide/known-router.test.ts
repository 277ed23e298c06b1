import { expect, test } from '@jest/globals';
import createRouter from 'find-my-way';
import { type Die, openDie } from '../../../legacy-stub/seed/random.ts';
import { widenMethods } from '../../../src/decide/overlap-rules.ts';
import { compareTemplates, cutTemplate } from '../../../src/decide/path-template.ts';
import { createMatcher } from '../../../src/decide/route-matcher.ts';
import type { RouteRow, Table } from '../../../src/decide/table.ts';
import type { Method } from '../../../src/decide/table-schema.ts';

// Our matching against fastify's router, over tables and paths that nobody has thought of.

type Found = readonly [id: string, params: Readonly<Record<string, string>>] | undefined;
type Row = Readonly<{ id: string; methods: readonly Method[]; path: string }>;

const METHODS: readonly (readonly Method[])[] = [
  ['GET'],
  ['POST'],
  ['GET', 'POST'],
  ['HEAD', 'PUT'],
  ['PUT', 'PATCH'],
];
const ASKED = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'get', '__proto__'];
const LITERALS = ['a', 'a', 'b', 'b', 'ab', 'A', 'a.b', '-', '%C3%A9', '__proto__'];
const OTHERS = ['x', '', '%', '%C3', '%2F', ';', ':p0', '*', 'a?', 'b#', 'x'.repeat(200)];

/** Rows that a table may hold beside each other: the same path twice, and paths that cross, are refused. */
function throwRows(die: Die): readonly Row[] {
  const rows: Row[] = [];
  for (let number = 0; number < 30; number += 1) {
    const row: Row = { id: `r${number}`, methods: die.pick(METHODS), path: throwTemplate(die) };
    if (rows.every((other) => mayStandBeside(row, other))) rows.push(row);
  }
  return rows;
}

function throwTemplate(die: Die): string {
  const segments = Array.from({ length: die.between(1, 4) }, (_, at) =>
    die.onceIn(3) ? `:p${at}` : die.pick(LITERALS),
  );
  return `/${[...segments, ...(die.onceIn(2) ? [''] : [])].join('/')}`;
}

function mayStandBeside(one: Row, other: Row): boolean {
  if (!widenMethods(one.methods).some((method) => widenMethods(other.methods).includes(method))) return true;
  const overlap = compareTemplates(cutTemplate(one.path), cutTemplate(other.path));
  return overlap !== 'same' && overlap !== 'crossing';
}

/** Mostly a path that some row has, with something else in it here and there. */
function throwPath(die: Die, rows: readonly Row[]): string {
  const segments = cutTemplate(die.pick(rows).path).map((segment) => {
    if (typeof segment !== 'string') return die.pick([...LITERALS, ...OTHERS]);
    return die.onceIn(6) ? die.pick([...LITERALS, ...OTHERS]) : segment;
  });
  return `/${segments.join('/')}`;
}

/** Two things it does otherwise: it decodes escapes, which are hidden from it, and a parameter of its own may be empty. */
function askRouter(rows: readonly Row[], method: string, path: string): Found {
  if (path.includes('?') || path.includes('#')) return undefined;
  const router = createRouter({ maxParamLength: 10_000 });
  for (const { methods, path: template, id } of rows)
    router.on([...widenMethods(methods)], hideEscapes(template), () => undefined, id);
  const found = router.find(method as Method, hideEscapes(path));
  if (!found) return undefined;
  const params = Object.entries(found.params).map(([name, value]) => [
    name,
    value?.replaceAll('\u0001', '%') ?? '',
  ]);
  if (params.every(([, value]) => value !== '')) return [found.store, Object.fromEntries(params)];
  return askRouter(
    rows.filter(({ id }) => id !== found.store),
    method,
    path,
  );
}

const hideEscapes = (path: string) => path.replaceAll('%', '\u0001');

function tableOf(rows: readonly Row[]): Table {
  const parts = { admit: 'required', timeoutMs: 1, stage: 'legacy', tables: [] } as const;
  const defaults = { admit: 'required', stage: 'legacy', timeoutMs: 1 } as const;
  return {
    rows: rows.map((row) => ({ ...parts, ...row }) as unknown as RouteRow),
    defaults,
  } as unknown as Table;
}

test.each(Array.from({ length: 40 }, (_, number) => number))('table %i', (number) => {
  const die = openDie(`known router ${number}`);
  const rows = throwRows(die);
  const find = createMatcher(tableOf(rows));
  for (let count = 0; count < 100; count += 1) {
    const [method, path] = [die.pick(ASKED), throwPath(die, rows)];
    const { row, paramsOf } = find(method, path);
    const found: Found = row?.id === undefined ? undefined : [row.id, { ...paramsOf(path) }];
    expect([method, path, found]).toEqual([method, path, askRouter(rows, method, path)]);
  }
});
